//! Numbers that are drawn together are those that are drawn one by one, and leave the same state.

use cresset_core::random::Generator;

#[test]
fn together_as_one_by_one() {
    for before in [0, 1, 623, 624, 700] {
        for n in [1, 3, 255, 256, 257, 1000, 2000] {
            let mut generator = Generator::new(7);
            (0..before).for_each(|_| {
                generator.next32();
            });
            let (mut one, mut trials, mut singles) = (generator.clone(), generator.clone(), generator.clone());
            let mut out = vec![0.0; n];
            trials.trials(0.3, &mut out);
            assert!(out.iter().all(|x| *x == f32::from(u8::from(one.double() < 0.3))), "{before} {n}");
            assert_eq!(trials.save(), one.save(), "{before} {n}");
            singles.singles(&mut out);
            assert!(out.iter().all(|x| *x == generator.single()), "{before} {n}");
            assert_eq!(singles.save(), generator.save(), "{before} {n}");
        }
    }
}
