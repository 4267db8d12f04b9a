/** The overloads that PyTorch lists where no one fits, as its messages write them. */

/** What `...create` and `out` stand for below. */
const CREATE = 'torch.dtype dtype = None, torch.layout layout = None, torch.device device = None, bool pin_memory = False, bool requires_grad = False';
const OUT = 'Tensor out = None';

const LISTED: readonly (readonly [names: string, overloads: string])[] = [
  ['addmm',
    'Tensor input, Tensor mat1, Tensor mat2, *, Number beta = 1, Number alpha = 1, Tensor out = None | ' +
    'Tensor input, Tensor mat1, Tensor mat2, torch.dtype out_dtype, *, Number beta = 1, Number alpha = 1, Tensor out = None'],
  ['all any',
    'Tensor input, *, out | ' +
    'Tensor input, tuple of ints dim = None, bool keepdim = False, *, out | ' +
    'Tensor input, int dim, bool keepdim = False, *, out'],
  ['arange',
    'Number end, *, out, ...create | ' +
    'Number start, Number end, *, ...create | ' +
    'Number start, Number end, Number step = 1, *, out, ...create'],
  ['argsort',
    'Tensor input, *, bool stable, int dim = -1, bool descending = False, Tensor out = None | ' +
    'Tensor input, int dim = -1, bool descending = False'],
  ['baddbmm',
    'Tensor input, Tensor batch1, Tensor batch2, *, Number beta = 1, Number alpha = 1, Tensor out = None | ' +
    'Tensor input, Tensor batch1, Tensor batch2, torch.dtype out_dtype, *, Number beta = 1, Number alpha = 1, Tensor out = None'],
  ['bartlett_window blackman_window hann_window', 'int window_length, *, ...create | int window_length, bool periodic, *, ...create'],
  ['bernoulli',
    'Tensor input, *, torch.Generator generator = None, Tensor out = None | ' +
    'Tensor input, float p, *, torch.Generator generator = None'],
  ['bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor remainder',
    'Tensor input, Tensor other, *, out | ' +
    'Number self, Tensor other | ' +
    'Tensor input, Number other, *, out'],
  ['bmm mm', 'Tensor input, Tensor mat2, *, out | Tensor input, Tensor mat2, torch.dtype out_dtype, *, out'],
  ['bucketize',
    'Tensor input, Tensor boundaries, *, bool out_int32 = False, bool right = False, Tensor out = None | ' +
    'Number self, Tensor boundaries, *, bool out_int32 = False, bool right = False'],
  ['clamp clip', 'Tensor input, Tensor min = None, Tensor max = None, *, out | Tensor input, Number min = None, Number max = None, *, out'],
  ['clamp_max', 'Tensor input, Tensor max, *, out | Tensor input, Number max, *, out'],
  ['clamp_min', 'Tensor input, Tensor min, *, out | Tensor input, Number min, *, out'],
  ['conv1d conv2d conv3d',
    'Tensor input, Tensor weight, Tensor bias = None, tuple of ints stride = 1, tuple of ints padding = 0, tuple of ints dilation = 1, int groups = 1 | ' +
    'Tensor input, Tensor weight, Tensor bias = None, tuple of ints stride = 1, str padding = "valid", tuple of ints dilation = 1, int groups = 1'],
  ['copysign eq fmod ge greater greater_equal gt le less less_equal lt ne not_equal',
    'Tensor input, Tensor other, *, out | ' +
    'Tensor input, Number other, *, out'],
  ['count_nonzero', 'Tensor input, int dim = None | Tensor input, tuple of ints dim'],
  ['cumulative_trapezoid trapezoid', 'Tensor y, Tensor x, *, int dim = -1 | Tensor y, *, Number dx = 1, int dim = -1'],
  ['div',
    'Tensor input, Tensor other, *, out | ' +
    'Tensor input, Tensor other, *, str rounding_mode, Tensor out = None | ' +
    'Tensor input, Number other, *, str rounding_mode'],
  ['divide',
    'Tensor input, Tensor other, *, out | ' +
    'Tensor input, Tensor other, *, str rounding_mode, Tensor out = None | ' +
    'Tensor input, Number other | ' +
    'Tensor input, Number other, *, str rounding_mode'],
  ['dsplit hsplit vsplit', 'Tensor input, int sections | Tensor input, tuple of ints indices'],
  ['eye', 'int n, *, out, ...create | int n, int m, *, out, ...create'],
  ['fill', 'Tensor input, Tensor value | Tensor input, Number value'],
  ['float_power pow',
    'Tensor input, Tensor exponent, *, out | ' +
    'Number self, Tensor exponent, *, out | ' +
    'Tensor input, Number exponent, *, out'],
  ['floor_divide multiply true_divide', 'Tensor input, Tensor other, *, out | Tensor input, Number other'],
  ['gradient',
    'Tensor input, *, tuple of ints dim, int edge_order = 1 | ' +
    'Tensor input, *, Number spacing, tuple of ints dim, int edge_order = 1 | ' +
    'Tensor input, *, Number spacing = None, int dim = None, int edge_order = 1 | ' +
    'Tensor input, *, tuple of Scalars spacing, int dim = None, int edge_order = 1 | ' +
    'Tensor input, *, tuple of Scalars spacing, tuple of ints dim, int edge_order = 1 | ' +
    'Tensor input, *, tuple of Tensors spacing, int dim = None, int edge_order = 1 | ' +
    'Tensor input, *, tuple of Tensors spacing, tuple of ints dim, int edge_order = 1'],
  ['hamming_window',
    'int window_length, *, ...create | ' +
    'int window_length, bool periodic, *, ...create | ' +
    'int window_length, bool periodic, float alpha, *, ...create | ' +
    'int window_length, bool periodic, float alpha, float beta, *, ...create'],
  ['histogram',
    'Tensor input, Tensor bins, *, Tensor weight = None, bool density = False, tuple of Tensors out = None | ' +
    'Tensor input, int bins = 100, *, tuple of floats range = None, Tensor weight = None, bool density = False, tuple of Tensors out = None'],
  ['index_fill', 'Tensor input, int dim, Tensor index, Tensor value | Tensor input, int dim, Tensor index, Number value'],
  ['isin',
    'Tensor elements, Tensor test_elements, *, bool assume_unique = False, bool invert = False, Tensor out = None | ' +
    'Number element, Tensor test_elements, *, bool assume_unique = False, bool invert = False, Tensor out = None | ' +
    'Tensor elements, Number test_element, *, bool assume_unique = False, bool invert = False, Tensor out = None'],
  ['kaiser_window',
    'int window_length, *, ...create | ' +
    'int window_length, bool periodic, *, ...create | ' +
    'int window_length, bool periodic, float beta, *, ...create'],
  ['lerp', 'Tensor input, Tensor end, Tensor weight, *, out | Tensor input, Tensor end, Number weight, *, out'],
  ['linalg.cond', 'Tensor input, Number p = None, *, out | Tensor input, str p, *, out'],
  ['linalg.matrix_norm',
    'Tensor input, Number ord, tuple of ints dim = {-2,-1}, bool keepdim = False, *, torch.dtype dtype = None, Tensor out = None | ' +
    'Tensor input, str ord = "fro", tuple of ints dim = {-2,-1}, bool keepdim = False, *, torch.dtype dtype = None, Tensor out = None'],
  ['linalg.matrix_rank',
    'Tensor input, *, Tensor atol = None, Tensor rtol = None, bool hermitian = False, Tensor out = None | ' +
    'Tensor input, *, float atol = None, float rtol = None, bool hermitian = False, Tensor out = None | ' +
    'Tensor input, Tensor tol, bool hermitian = False, *, out | ' +
    'Tensor input, float tol, bool hermitian = False, *, out'],
  ['linalg.norm',
    'Tensor input, Number ord = None, tuple of ints dim = None, bool keepdim = False, *, torch.dtype dtype = None, Tensor out = None | ' +
    'Tensor input, str ord, tuple of ints dim = None, bool keepdim = False, *, torch.dtype dtype = None, Tensor out = None'],
  ['linalg.pinv',
    'Tensor input, *, Tensor atol = None, Tensor rtol = None, bool hermitian = False, Tensor out = None | ' +
    'Tensor input, *, float atol = None, float rtol = None, bool hermitian = False, Tensor out = None | ' +
    'Tensor input, Tensor rcond, bool hermitian = False, *, out | ' +
    'Tensor input, float rcond, bool hermitian = False, *, out'],
  ['linspace',
    'Tensor start, Tensor end, int steps, *, out, ...create | ' +
    'Number start, Tensor end, int steps, *, out, ...create | ' +
    'Tensor start, Number end, int steps, *, out, ...create | ' +
    'Number start, Number end, int steps, *, out, ...create'],
  ['logspace',
    'Tensor start, Tensor end, int steps, float base = 10.0, *, out, ...create | ' +
    'Number start, Tensor end, int steps, float base = 10.0, *, out, ...create | ' +
    'Tensor start, Number end, int steps, float base = 10.0, *, out, ...create | ' +
    'Number start, Number end, int steps, float base = 10.0, *, out, ...create'],
  ['masked_fill', 'Tensor input, Tensor mask, Tensor value | Tensor input, Tensor mask, Number value'],
  ['max min',
    'Tensor input, *, out | ' +
    'Tensor input, Tensor other, *, out | ' +
    'Tensor input, int dim, bool keepdim = False, *, tuple of Tensors out = None'],
  ['mean',
    'Tensor input, *, torch.dtype dtype = None, Tensor out = None | ' +
    'Tensor input, tuple of ints dim, bool keepdim = False, *, torch.dtype dtype = None, Tensor out = None'],
  ['median nanmedian', 'Tensor input | Tensor input, int dim, bool keepdim = False, *, tuple of Tensors out = None'],
  ['moveaxis movedim', 'Tensor input, int source, int destination | Tensor input, tuple of ints source, tuple of ints destination'],
  ['nanquantile quantile',
    'Tensor input, Tensor q, int dim = None, bool keepdim = False, *, str interpolation = "linear", Tensor out = None | ' +
    'Tensor input, float q, int dim = None, bool keepdim = False, *, str interpolation = "linear", Tensor out = None'],
  ['narrow', 'Tensor input, int dim, Tensor start, int length | Tensor input, int dim, int start, int length'],
  ['normal',
    'Tensor mean, Tensor std, *, torch.Generator generator = None, Tensor out = None | ' +
    'Tensor mean, float std = 1, *, torch.Generator generator = None, Tensor out = None | ' +
    'float mean, Tensor std, *, torch.Generator generator = None, Tensor out = None | ' +
    'float mean, float std, tuple of ints size, *, torch.Generator generator = None, Tensor out = None, ...create'],
  ['nuclear_norm', 'Tensor input, tuple of ints dim, bool keepdim = False, *, out | Tensor input, bool keepdim = False, *, out'],
  ['prod',
    'Tensor input, *, torch.dtype dtype = None | ' +
    'Tensor input, int dim, bool keepdim = False, *, torch.dtype dtype = None, Tensor out = None'],
  ['rand randn', 'tuple of ints size, *, torch.Generator generator, Tensor out = None, ...create | tuple of ints size, *, out, ...create'],
  ['rand_like randn_like',
    'Tensor input, *, torch.Generator generator, torch.memory_format memory_format = None, ...create | ' +
    'Tensor input, *, torch.memory_format memory_format = None, ...create'],
  ['randint',
    'int high, tuple of ints size, *, torch.Generator generator, Tensor out = None, ...create | ' +
    'int high, tuple of ints size, *, out, ...create | ' +
    'int low, int high, tuple of ints size, *, torch.Generator generator, Tensor out = None, ...create | ' +
    'int low, int high, tuple of ints size, *, out, ...create'],
  ['randint_like',
    'Tensor input, int low, int high, *, torch.Generator generator, torch.memory_format memory_format = None, ...create | ' +
    'Tensor input, int low, int high, *, torch.memory_format memory_format = None, ...create | ' +
    'Tensor input, Tensor high, *, torch.Generator generator, torch.memory_format memory_format = None, ...create | ' +
    'Tensor input, Tensor high, *, torch.memory_format memory_format = None, ...create | ' +
    'Tensor input, int high, *, torch.Generator generator, torch.memory_format memory_format = None, ...create | ' +
    'Tensor input, int high, *, torch.memory_format memory_format = None, ...create'],
  ['randperm', 'int n, *, torch.Generator generator, Tensor out = None, ...create | int n, *, out, ...create'],
  ['repeat_interleave',
    'Tensor input, Tensor repeats, int dim = None, *, int output_size = None | ' +
    'Tensor repeats, *, int output_size = None | ' +
    'Tensor input, int repeats, int dim = None, *, int output_size = None'],
  ['round', 'Tensor input, *, out | Tensor input, *, int decimals, Tensor out = None'],
  ['rsub', 'Tensor input, Tensor other, *, Number alpha = 1 | Tensor input, Number other, Number alpha = 1'],
  ['scatter',
    'Tensor input, int dim, Tensor index, Tensor src, *, out | ' +
    'Tensor input, int dim, Tensor index, Tensor src, *, str reduce, Tensor out = None | ' +
    'Tensor input, int dim, Tensor index, Number value, *, out | ' +
    'Tensor input, int dim, Tensor index, Number value, *, str reduce, Tensor out = None'],
  ['searchsorted',
    'Tensor sorted_sequence, Tensor input, *, bool out_int32 = False, bool right = False, str side = None, Tensor sorter = None, Tensor out = None | ' +
    'Tensor sorted_sequence, Number self, *, bool out_int32 = False, bool right = False, str side = None, Tensor sorter = None, Tensor out = None'],
  ['sort',
    'Tensor input, *, bool stable, int dim = -1, bool descending = False, tuple of Tensors out = None | ' +
    'Tensor input, int dim = -1, bool descending = False, *, tuple of Tensors out = None'],
  ['special.chebyshev_polynomial_t special.chebyshev_polynomial_u special.chebyshev_polynomial_v special.chebyshev_polynomial_w special.hermite_polynomial_h special.hermite_polynomial_he special.laguerre_polynomial_l special.legendre_polynomial_p special.shifted_chebyshev_polynomial_t special.shifted_chebyshev_polynomial_u special.shifted_chebyshev_polynomial_v special.shifted_chebyshev_polynomial_w',
    'Tensor x, Tensor n, *, out | ' +
    'Number x, Tensor n, *, out | ' +
    'Tensor x, Number n, *, out'],
  ['special.xlog1py special.xlogy special.zeta xlogy',
    'Tensor input, Tensor other, *, out | ' +
    'Number self, Tensor other, *, out | ' +
    'Tensor input, Number other, *, out'],
  ['squeeze', 'Tensor input | Tensor input, int dim | Tensor input, tuple of ints dim'],
  ['squeeze_copy', 'Tensor input, *, out | Tensor input, int dim, *, out | Tensor input, tuple of ints dim, *, out'],
  ['std var',
    'Tensor input, tuple of ints dim, bool unbiased = True, bool keepdim = False, *, out | ' +
    'Tensor input, tuple of ints dim = None, *, Number correction = None, bool keepdim = False, Tensor out = None | ' +
    'Tensor input, bool unbiased = True'],
  ['std_mean var_mean',
    'Tensor input, tuple of ints dim, bool unbiased = True, bool keepdim = False | ' +
    'Tensor input, tuple of ints dim = None, *, Number correction = None, bool keepdim = False | ' +
    'Tensor input, bool unbiased = True'],
  ['subtract', 'Tensor input, Tensor other, *, Number alpha = 1, Tensor out = None | Tensor input, Number other, Number alpha = 1'],
  ['sum',
    'Tensor input, *, torch.dtype dtype = None | ' +
    'Tensor input, tuple of ints dim, bool keepdim = False, *, torch.dtype dtype = None, Tensor out = None'],
  ['tensor_split',
    'Tensor input, tuple of ints indices, int dim = 0 | ' +
    'Tensor input, Tensor tensor_indices_or_sections, int dim = 0 | ' +
    'Tensor input, int sections, int dim = 0'],
  ['trapz', 'Tensor y, *, float dx = 1, int dim = -1 | Tensor y, Tensor x, *, int dim = -1'],
  ['view_copy', 'Tensor input, torch.dtype dtype, *, out | Tensor input, tuple of ints size, *, out'],
  ['where',
    'Tensor condition | ' +
    'Tensor condition, Tensor input, Tensor other, *, out | ' +
    'Tensor condition, Number self, Tensor other | ' +
    'Tensor condition, Tensor input, Number other | ' +
    'Tensor condition, Number self, Number other'],
];


/** The overloads of a function, parameter by parameter; null where it has but one. */
export function listedOverloads(name: string): string[][] | null {
  const text = LISTED.find(([names]) => names.split(' ').includes(name))?.[1];
  if (text === undefined) return null;
  return text.split(' | ').map((one) => one.replace('...create', CREATE).replace(/\*, out$/, `*, ${OUT}`).replace('*, out,', `*, ${OUT},`).split(', '));
}

const typeOf = (param: string): string => param.slice(0, param.lastIndexOf(' ', param.includes(' = ') ? param.indexOf(' = ') - 1 : undefined));
const nameOf = (param: string): string => param.split(' = ')[0]!.split(' ').pop()!;

/** Whether an argument of this type may stand for a parameter of that. */
function fits(given: string, wanted: string): boolean {
  switch (wanted) {
    case 'Number': return ['int', 'float', 'bool', 'complex'].includes(given);
    case 'float': return given === 'int' || given === 'float';
    case 'tuple of ints': case 'tuple of Tensors': return ['list', 'tuple', 'int'].includes(given);
    default: return given === wanted;
  }
}

/** What PyTorch says of a call that no overload takes: it lists them, or says what is wrong with the only one that takes so many
 * arguments. Null for a function that has but one, or where that one seems to fit. */
export function noOverload(name: string, given: readonly string[], keywords: readonly (readonly [name: string, type: string])[]): string | null {
  const overloads = listedOverloads(name);
  if (!overloads) return null;
  const called = `${name.replace('.', '_')}()`, count = given.length + keywords.length;
  const near = overloads.filter((params) => {
    const all = params.filter((p) => p !== '*');
    return count <= all.length && count >= all.filter((p) => !p.includes(' = ')).length;
  });
  if (near.length === 1) {
    const params = near[0]!.filter((p) => p !== '*');
    const wrong = given.findIndex((type, i) => !fits(type, typeOf(params[i]!)));
    if (wrong < 0) return null;
    return `${called}: argument '${nameOf(params[wrong]!)}' (position ${wrong + 1}) must be ${typeOf(params[wrong]!)}, not ${given[wrong]}`;
  }
  const types = [...given, ...keywords.map(([key, type]) => `${key}=${type}`)].join(', ');
  const lines = overloads.map((params) => {
    const line = ` * (${params.join(', ')})\n`;
    if (params.length !== count || keywords.length > 0) return line;
    const marked = given.map((type, i) => (type === typeOf(params[i]!) ? type : `!${type}!`)).join(', ');
    return `${line}      didn't match because some of the arguments have invalid types: (${marked})\n`;
  });
  return `${called} received an invalid combination of arguments - got (${types}), but expected one of:\n${lines.join('')}`;
}
