// A byte-level tokenizer of any size, for models that have none.

/** tokenizer.json and tokenizer_config.json with `size` tokens: three special ones, then letters of bytes, then pairs. */
export function byteLetters(size: number): Readonly<Record<string, object>> {
  const special = ['<pad>', '<s>', '</s>'];
  const printable = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i));
  const others = Array.from({ length: 68 }, (_, i) => String.fromCodePoint(0x100 + i));
  const letters = [...others, ...printable];
  const pairs = printable.slice(1).map((letter) => ['!', letter] as const);
  const tokens = [...special, ...letters, ...pairs.map((pair) => pair.join(''))].slice(0, size);
  const merges = pairs.filter((pair) => tokens.includes(pair.join('')));
  return {
    'tokenizer.json': {
      added_tokens: special.map((content, id) => ({ id, content, special: true })),
      normalizer: null,
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
      post_processor: null,
      decoder: { type: 'ByteLevel' },
      model: { type: 'BPE', vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges },
    },
    'tokenizer_config.json': { bos_token: '<s>', eos_token: '</s>' },
  };
}
