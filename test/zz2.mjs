import * as torch from 'cresset';
const turn = () => new Promise((r) => setImmediate(r));
const x = torch.arange(4.0).requires_grad_();
for (let r = 0; r < 100; r++) {  for (let i = 0; i < 20000; i++) {x.sum().backward(); x.grad=null}; await turn(); }
