import * as torch from 'cresset';
const turn = () => new Promise((r) => setImmediate(r));
const x = torch.arange(4.0).requires_grad_(), y = torch.arange(4.0);
const cases = { dot: () => torch.dot(y, y), dot_rec: () => torch.dot(x, x), dotmul: () => torch.dot(y, y).mul(2), dotmul_rec: () => torch.dot(x, x).mul(2), full: () => { torch.dot(x, x).mul(2).backward(); x.grad = null; }, full_noset: () => { torch.dot(x, x).mul(2).backward(); }, mulrec: () => x.mul(x), mul2rec: () => x.mul(2) , sumback: () => {x.sum().backward(); x.grad=null}};
for (const [n, f] of Object.entries(cases)) { const ts = []; for (let r = 0; r < 60; r++) { const t = performance.now(); for (let i = 0; i < 20000; i++) f(); ts.push((performance.now() - t) *50); await turn(); } ts.sort((a, b) => a - b); console.log(n, ts[5].toFixed(0), ts[30].toFixed(0)); }
