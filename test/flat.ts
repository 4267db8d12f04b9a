/** Loops that must end with the bytes they had early on, wherever tensors are freed. */
import * as torch from 'cresset';
import { expect } from 'vitest';

const { nn, optim } = torch;
/** Bytes that tensors hold. */
export const live = (): number => torch.memory.stats().live_bytes;

/** So many synchronous training steps, against the bytes of step 100. */
export function stepsStayFlat(steps: number): void {
  torch.manual_seed(0);
  const model = new nn.Sequential(new nn.Linear(8, 16), new nn.ReLU(), new nn.Linear(16, 4));
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
  const x = torch.randn([16, 8]), y = torch.randint(4, [16]);
  const criterion = new nn.CrossEntropyLoss();
  let early = 0;
  for (let step = 1; step <= steps; step++) {
    optimizer.zero_grad();
    const output = model(x);
    const loss = criterion(output, y);
    loss.backward();
    optimizer.step();
    if (step === 100) early = live();
  }
  expect(live()).toBeLessThanOrEqual(early * 1.05);
}

/** Ops in a loop that yields now and then, against the bytes of the tenth part of it. */
export async function yieldingLoopStaysFlat(): Promise<void> {
  const x = torch.randn([1000]);
  let early = 0;
  for (let i = 1; i <= 4000; i++) {
    const y = x.mul(2).add(1);
    expect(y.shape).toEqual([1000]);
    if (i % 20 === 0) await new Promise((go) => { setTimeout(go, 0); });
    if (i === 400) early = live();
  }
  expect(live()).toBeLessThanOrEqual(early * 1.05);
}
