/** Types compared by the compiler: a file that compiles has passed. */

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** `is<Expected>()(value)` compiles if the value has exactly that type. */
export function is<Expected>(): <Given>(value: Given & (Same<Expected, Given> extends true ? unknown : never)) => void {
  return () => {};
}
