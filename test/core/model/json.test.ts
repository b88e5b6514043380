import { expect } from 'chai';
import {
  isObject,
  listOf,
  objectOf,
  parseCounted,
  parseJson,
  parseShort,
  textOf,
} from '../../../src/core/model/index.ts';
import { excessOfJson, MAX_JSON_VALUES } from '../../../src/core/model/json.ts';

describe('JSON that is parsed', () => {
  const rows: readonly [string, Uint8Array | string, unknown][] = [
    ['is the value of a text', '{"a":[1,null]}', { a: [1, null] }],
    ['is the value of bytes', Buffer.from('"ä"'), 'ä'],
    ['can be null', 'null', null],
    ['is undefined for an empty text', '', undefined],
    ['is undefined for a text that is cut off', '{"a":', undefined],
    ['is undefined for two values', '1 2', undefined],
    ['is undefined for bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22]), undefined],
  ];
  for (const [what, json, expected] of rows) it(what, () => expect(parseJson(json)).to.deep.equal(expected));

  it('M15: values are counted behind deep nesting, too, and too many are not parsed', () => {
    const deep = `${'['.repeat(300)}${']'.repeat(300)}`;
    const many = `[${'1,'.repeat(MAX_JSON_VALUES)}1]`;
    expect(excessOfJson(Buffer.from(`[${deep}]`))).to.equal('depth');
    for (const text of [`[${deep},${many}]`, `[${many},${deep}]`, many]) {
      expect(excessOfJson(Buffer.from(text))).to.equal('values');
      expect(parseCounted(Buffer.from(text))).to.equal(undefined);
    }
    expect(parseCounted(Buffer.from(`[${deep}]`))).to.be.an('array');
  });

  it('M32: a short document with more fields or levels than short ones have is not parsed', () => {
    const fields = (count: number) =>
      `{${Array.from({ length: count }, (_, at) => `"k${String(at)}":0`).join(',')}}`;
    expect(parseShort(Buffer.from(fields(9_999)))).to.have.property('k9998', 0);
    for (const text of [fields(10_002), `[${'{},'.repeat(6_000)}0]`, '['.repeat(201) + ']'.repeat(201)])
      expect(parseShort(Buffer.from(text))).to.equal(undefined);
  });
});

describe('a value of an unknown type', () => {
  const list = ['x'];
  const object = { a: 1 };
  const rows: readonly [
    string,
    unknown,
    { isObject: boolean; object: object; list: unknown[]; text: string },
  ][] = [
    ['undefined', undefined, { isObject: false, object: {}, list: [], text: '' }],
    ['null', null, { isObject: false, object: {}, list: [], text: '' }],
    ['a number', 7, { isObject: false, object: {}, list: [], text: '' }],
    ['a text', 'x', { isObject: false, object: {}, list: [], text: 'x' }],
    ['a list', list, { isObject: false, object: list, list, text: '' }],
    ['an object', object, { isObject: true, object, list: [], text: '' }],
  ];
  for (const [what, value, expected] of rows)
    it(`gives fields, elements and text without a throw when it is ${what}`, () => {
      expect(isObject(value)).to.equal(expected.isObject);
      expect(objectOf(value)).to.deep.equal(expected.object);
      expect(listOf(value)).to.deep.equal(expected.list);
      expect(textOf(value)).to.equal(expected.text);
    });
});
