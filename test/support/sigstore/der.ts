// As much DER as certificates of the tests need that no library writes for them.

/** A tag with its length and content; up to 65,535 bytes. */
export function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

export function utf8String(text: string): Buffer {
  return tlv(0x0c, Buffer.from(text));
}

/** An object identifier from its dotted form. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return tlv(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value: number): number[] {
  const low = value & 0x7f;
  return value < 128 ? [low] : [...base128(value >> 7).map((byte) => byte | 0x80), low];
}

/** The value of a subject alternative name extension: URIs, e-mail addresses and Fulcio's other names, in order. */
export function alternativeNames(names: readonly AlternativeName[]): Buffer {
  return tlv(0x30, ...names.map(generalName));
}

export type AlternativeName =
  { readonly uri: string } | { readonly email: string } | { readonly other: string; readonly oid?: string };

function generalName(name: AlternativeName): Buffer {
  if ('uri' in name) return tlv(0x86, Buffer.from(name.uri));
  if ('email' in name) return tlv(0x81, Buffer.from(name.email));
  const { oid = '1.3.6.1.4.1.57264.1.7', other } = name;
  return tlv(0xa0, objectIdentifier(oid), tlv(0xa0, utf8String(other)));
}
