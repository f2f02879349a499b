import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from './canonical-json.ts';
import type { JsonValue } from './definition.ts';

describe('canonical JSON', () => {
  // Examples of RFC 8785, sections 3.2.2 and 3.2.3.
  it.each<[JsonValue, string]>([
    [
      [333333333.3333333, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      '[333333333.3333333,1e+30,4.5,0.002,1e-27]',
    ],
    [{ literals: [null, true, false] }, '{"literals":[null,true,false]}'],
    [
      {
        '\u20ac': 'Euro Sign',
        '\r': 'Carriage Return',
        '\ufb33': 'Hebrew',
        '1': 'One',
        '\ud83d\ude00': 'Emoji',
      },
      '{"\\r":"Carriage Return","1":"One","€":"Euro Sign","😀":"Emoji","\ufb33":"Hebrew"}',
    ],
    ['\u20ac$\u000F\nA\'B"\\\\"/', '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'],
    [{ b: { d: [], c: {} }, a: -0 }, '{"a":0,"b":{"c":{},"d":[]}}'],
  ])('[W18] is the form of RFC 8785: %j', (value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  it('[W18] does not depend on the order of names, and says the same value', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const members = Object.entries(value).reverse();
        const reversed = Object.fromEntries(members) as { [name: string]: JsonValue };
        const text = canonicalJson(reversed);
        expect(text).toBe(canonicalJson(value as { [name: string]: JsonValue }));
        if (text !== undefined) expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it.each(['\ud800', 'a\udfffb', '\\\ud800'])('[W18] has no form for a lone surrogate: %j', (text) => {
    expect(canonicalJson(text)).toBeUndefined();
    expect(canonicalJson({ [text]: 1 })).toBeUndefined();
  });

  it.each(['\\ud800', '\\\\udfff', '😀'])('[W18] has one for a text that only looks like it: %j', (text) => {
    expect(canonicalJson(text)).toBe(JSON.stringify(text));
  });
});
