/**
 * A small character GPT (2 layers, width 128, 4 heads, context 64) trained on a text that comes
 * with it, and a sample of what it has learnt.
 *
 * `npm run example -- gpt [--steps N] [--sample N]`
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as torch from 'cresset';
import type { Tensor } from 'cresset';
import { Progress, writeCurve } from './lib/progress.ts';

const { nn, optim } = torch, F = nn.functional;
const { values: options } = parseArgs({ options: { steps: { type: 'string', default: '400' }, sample: { type: 'string', default: '300' } } });
const LAYERS = 2, WIDTH = 128, HEADS = 4, CONTEXT = 64, BATCH = 16;

const text = readFileSync(new URL('lib/lamplighter.txt', import.meta.url), 'utf8');
const letters = [...new Set(text)].sort();
const codes = torch.tensor([...text].map((c) => BigInt(letters.indexOf(c))));

/** Attention and a feed-forward network, each after a norm and added to what came in. */
class Block extends nn.Module {
  norm1 = new nn.LayerNorm(WIDTH);
  qkv = new nn.Linear(WIDTH, 3 * WIDTH);
  out = new nn.Linear(WIDTH, WIDTH);
  norm2 = new nn.LayerNorm(WIDTH);
  feed = new nn.Sequential(new nn.Linear(WIDTH, 4 * WIDTH), new nn.GELU(), new nn.Linear(4 * WIDTH, WIDTH));
  override forward(x: Tensor): Tensor {
    const [batch, length] = x.shape as [number, number];
    const [q, k, v] = this.qkv(this.norm1(x)).view(batch, length, 3, HEADS, WIDTH / HEADS).permute(2, 0, 3, 1, 4).unbind(0);
    const heads = F.scaled_dot_product_attention(q!, k!, v!, { is_causal: true });
    x = x.add(this.out(heads.transpose(1, 2).reshape(batch, length, WIDTH)));
    return x.add(this.feed(this.norm2(x)));
  }
}

/** Radford et al., "Language models are unsupervised multitask learners", 2019, in small. */
class GPT extends nn.Module {
  tokens = new nn.Embedding(letters.length, WIDTH);
  positions = new nn.Embedding(CONTEXT, WIDTH);
  blocks = new nn.Sequential(...Array.from({ length: LAYERS }, () => new Block()));
  norm = new nn.LayerNorm(WIDTH);
  head = new nn.Linear(WIDTH, letters.length, { bias: false });
  override forward(ids: Tensor): Tensor {
    const here = torch.arange(BigInt(ids.shape[1]!));
    return this.head(this.norm(this.blocks(this.tokens(ids).add(this.positions(here)))));
  }
}

torch.manual_seed(1);
const model = new GPT();
const optimizer = new optim.AdamW(model.parameters(), { lr: 2e-3 });
const steps = Number(options.steps);
console.log(`${letters.length} letters, ${text.length} characters, ${[...model.parameters()].reduce((n, p) => n + p.numel(), 0)} parameters`);

const progress = new Progress('train', steps, 'steps');
const losses: number[] = [];
for (let step = 1; step <= steps; step++) {
  // Windows of the text, and the same moved on by one letter.
  const starts = torch.randint(text.length - CONTEXT - 1, [BATCH, 1]);
  const places = starts.add(torch.arange(BigInt(CONTEXT)));
  const x = codes.index(places), y = codes.index(places.add(1n));
  optimizer.zero_grad();
  const loss = F.cross_entropy(model(x).view(BATCH * CONTEXT, letters.length), y.view(-1));
  loss.backward();
  optimizer.step();
  losses.push(loss.item());
  progress.at(step, `loss ${losses.at(-1)!.toFixed(3)}`);
}
writeCurve('out/gpt-loss.svg', 'A small GPT: loss', losses);

model.eval();
let ids = [letters.indexOf('\n')];
torch.no_grad(() => {
  for (let i = 0; i < Number(options.sample); i++) {
    ids.push(torch.tidy(() => {
      const window = torch.tensor(ids.slice(-CONTEXT).map(BigInt)).unsqueeze(0);
      const logits = model(window).index(0, -1).div(0.8);
      return Number(torch.multinomial(logits.softmax(0), 1).item());
    }));
  }
});
console.log(ids.map((i) => letters[i]).join(''));
