/**
 * LeNet on the real MNIST: 60,000 digits to learn from, 10,000 to be tested on.
 *
 * `npm run example -- mnist [--epochs N] [--batch N] [--lr X]`
 */
import { parseArgs } from 'node:util';
import * as torch from 'cresset';
import type { Tensor } from 'cresset';
import { mnist } from './lib/mnist.ts';
import { Progress, writeCurve } from './lib/progress.ts';

const { nn, optim } = torch;
const { values: options } = parseArgs({
  options: { epochs: { type: 'string', default: '5' }, batch: { type: 'string', default: '64' }, lr: { type: 'string', default: '0.001' } },
});

/** The network of LeCun et al., "Gradient-based learning applied to document recognition", 1998, with today's activations. */
class LeNet extends nn.Module {
  features = new nn.Sequential(
    new nn.Conv2d(1, 6, 5, { padding: 2 }), new nn.ReLU(), new nn.MaxPool2d(2),
    new nn.Conv2d(6, 16, 5), new nn.ReLU(), new nn.MaxPool2d(2), new nn.Flatten());
  classifier = new nn.Sequential(
    new nn.Linear(400, 120), new nn.ReLU(), new nn.Linear(120, 84), new nn.ReLU(), new nn.Linear(84, 10));
  override forward(x: Tensor): Tensor { return this.classifier(this.features(x)); }
}

torch.manual_seed(0);
const train = mnist('train'), test = mnist('t10k');
const model = new LeNet();
const criterion = new nn.CrossEntropyLoss();
const optimizer = new optim.Adam(model.parameters(), { lr: Number(options.lr) });
const loader = new torch.utils.data.DataLoader(train, { batch_size: Number(options.batch), shuffle: true });
const check = new torch.utils.data.DataLoader(test, { batch_size: 1000 });
console.log(model);

/** The share of the test digits that the model names rightly. */
function accuracy(): number {
  model.eval();
  let right = 0;
  torch.no_grad(() => {
    for (const [x, y] of check) right += Number(model(x!).argmax(1).eq(y!).sum().item());
  });
  model.train();
  return right / test.length;
}

const losses: number[] = [];
for (let epoch = 1; epoch <= Number(options.epochs); epoch++) {
  const progress = new Progress(`epoch ${epoch}`, train.length, 'digits');
  let done = 0, smooth = NaN;
  for (const [x, y] of loader) {
    optimizer.zero_grad();
    const loss = criterion(model(x!), y!);
    loss.backward();
    optimizer.step();
    losses.push(loss.item());
    smooth = Number.isNaN(smooth) ? losses.at(-1)! : 0.98 * smooth + 0.02 * losses.at(-1)!;
    done += y!.shape[0]!;
    progress.at(done, `loss ${smooth.toFixed(4)}`);
  }
  console.log(`epoch ${epoch}: ${progress.seconds.toFixed(1)} s, test accuracy ${(100 * accuracy()).toFixed(2)} %`);
}
writeCurve('out/mnist-loss.svg', 'LeNet on MNIST: loss', losses);
console.log('the loss curve is in out/mnist-loss.svg');
