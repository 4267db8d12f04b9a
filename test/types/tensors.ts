/** What tensors, ops and modules promise to the compiler. */
import * as torch from 'cresset';
import type { Tensor } from 'cresset';
import { is } from './is.ts';

const x = torch.randn([2, 3]);

is<Tensor>()(x.mul(2));
is<Tensor>()(torch.add(x, 1n, { alpha: 2 }));
is<number>()(x.item());
is<number[]>()(x.shape);
is<number>()(x.size(0));
is<Tensor | null>()(x.grad);
is<torch.DType>()(x.dtype);

// Several results destructure both ways.
const { values, indices } = x.max({ dim: 0 });
is<Tensor>()(values);
is<Tensor>()(indices);
const [first, second] = x.sort(1);
is<Tensor>()(first);
is<Tensor>()(second);
is<Tensor[]>()([...x]);

// A loss is a number to compute with.
is<number>()(x.sum().item() + 1);

// @ts-expect-error a keyword that no parameter has
x.sum({ dimension: 0 });
// @ts-expect-error a word is no tensor
x.add('1');
// @ts-expect-error sizes are numbers
x.reshape(['a']);

class Net extends torch.nn.Module {
  fc = new torch.nn.Linear(3, 2);
  override forward(input: Tensor, scale = 1): Tensor { return this.fc(input).mul(scale); }
}
const net = new Net();
is<Tensor>()(net(x));
is<Tensor>()(net(x, 2));
// @ts-expect-error forward takes a tensor first
net('x');
for (const p of net.parameters()) is<torch.nn.Parameter>()(p);
for (const [name, p] of net.named_parameters()) {
  is<string>()(name);
  is<torch.nn.Parameter>()(p);
}
const optimizer = new torch.optim.AdamW(net.parameters(), { lr: 1e-3 });
optimizer.zero_grad();
is<number>()(torch.tidy(() => net(x).sum().item()));
is<Tensor>()(torch.no_grad(() => x.mul(2)));
