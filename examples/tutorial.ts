// The five examples of shared automatic differentiation lessons, line by line as PyTorch prints them.
import * as torch from 'cresset';
import type { Tensor } from 'cresset';

// 1. A scalar of a vector: y = 2 x·x
const x = torch.arange(4.0);
x.requires_grad_(true);
console.log(x.grad);
let y = torch.dot(x, x).mul(2);
console.log(y);
y.backward();
console.log(x.grad);
console.log(x.grad!.eq(x.mul(4)));

// 2. The gradient cleared, another function
x.grad!.zero_();
y = x.sum();
console.log(y);
y.backward();
console.log(x.grad);

// 3. A vector result
x.grad!.zero_();
console.log(x);
y = x.mul(x);
y.sum().backward();
console.log(x.grad);
try {
  x.mul(x).backward();
} catch (e) {
  console.log(`${(e as Error).name}: ${(e as Error).message.split('\n')[0]}`);
}

// 4. Detaching
x.grad!.zero_();
y = x.mul(x);
const u = y.detach();
const z = u.mul(x);
z.sum().backward();
console.log(x.grad!.eq(u));
x.grad!.zero_();
y.sum().backward();
console.log(x.grad!.eq(x.mul(2)));

// 5. Control flow
function f(a: Tensor): Tensor {
  let b = a.mul(2);
  console.log(b.norm());
  while (b.norm().item() < 1000) b = b.mul(2);
  return b.sum().item() > 0 ? b : b.mul(100);
}
const a = torch.tensor(2.0, { requires_grad: true });
const d = f(a);
console.log(d);
d.backward();
console.log(a.grad);
console.log(a.grad!.eq(d.div(a)));
