/** Random RESP values, for property tests of everything that reads or writes them. */
import fc from 'fast-check';
import type { Resp } from '../resp/resp.ts';

const line = fc.stringMatching(/^[ -~]{0,12}$/);
const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));

const leaf: fc.Arbitrary<Resp> = fc.oneof(
  line.map((text): Resp => ({ type: 'simple', text })),
  line.map((text): Resp => ({ type: 'error', text: `ERR ${text}`, bulk: false })),
  line.map((text): Resp => ({ type: 'error', text: `SYNTAX ${text}\r\n`, bulk: true })),
  fc.maxSafeInteger().map((value): Resp => ({ type: 'integer', value: value + 0 })),
  fc
    .bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n })
    .map((value): Resp => ({ type: 'integer', value })),
  bytes.map((body): Resp => ({ type: 'bulk', bytes: body })),
  fc.constant<Resp>({ type: 'null', aggregate: false }),
  fc.boolean().map((value): Resp => ({ type: 'boolean', value })),
  fc.double().map((value): Resp => ({ type: 'double', value })),
  fc.bigInt().map((value): Resp => ({ type: 'big-number', value })),
  bytes.map((body): Resp => ({ type: 'verbatim', format: 'txt', bytes: body })),
);

const { nested } = fc.letrec<{ nested: Resp }>((tie) => {
  const items = fc.array(tie('nested'), { maxLength: 4 });
  return {
    nested: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      leaf,
      items.map((list): Resp => ({ type: 'array', items: list })),
      items.map((list): Resp => ({ type: 'set', items: list })),
      fc
        .array(fc.tuple(tie('nested'), tie('nested')), { maxLength: 3 })
        .map((entries): Resp => ({ type: 'map', entries })),
    ),
  };
});

/** Any value RESP3 can carry; a push only as the outermost. */
export const replies: fc.Arbitrary<Resp> = fc.oneof(
  { arbitrary: nested, weight: 9 },
  {
    arbitrary: fc
      .array(nested, { minLength: 1, maxLength: 3 })
      .map((items): Resp => ({ type: 'push', items })),
    weight: 1,
  },
);
