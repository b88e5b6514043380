import { isIP } from 'node:net';
import type { Caller } from './ports.ts';

/** Where a request came from, as far as it is known before anything of it is believed. */
export interface Origin {
  /** IP address of the other end of the connection. */
  readonly address: string;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
}

/**
 * Names whose share of the gate a request takes: that of the caller where it is proven, else that of the network of the client. A user
 * name that only the upstream proves is chosen by the client.
 */
export function shareOf(
  { kind, name }: Pick<Caller, 'kind' | 'name'>,
  origin: Origin,
  isProxy: (address: string) => boolean,
): string {
  const isProven = kind === 'token' || kind === 'serviceAccount';
  return isProven ? `${kind} ${name}` : networkOf(clientAddress(origin, isProxy));
}

/** The last address that no trusted proxy has: what stands before it is written by the client. */
function clientAddress({ address, headers }: Origin, isProxy: (address: string) => boolean): string {
  const forwarded = (headers.get('x-forwarded-for') ?? '').split(',').map((text) => text.trim());
  let client = address;
  for (const next of forwarded.toReversed()) {
    if (isIP(next) === 0 || !isProxy(client)) break;
    client = next;
  }
  return client;
}

/** An IPv4 address, or the 64 bits of an IPv6 address that name a network: a client has all addresses of one. */
function networkOf(address: string): string {
  const plain = address.replace(/%.*$/, '').replace(/^::ffff:(?=[\d.]+$)/i, '');
  if (isIP(plain) !== 6) return plain;
  const [left = '', right] = new URL(`http://[${plain}]`).hostname.slice(1, -1).split('::');
  const groups = left === '' ? [] : left.split(':');
  const missing = right === undefined ? 0 : 8 - groups.length - (right === '' ? 0 : right.split(':').length);
  const whole = [...groups, ...Array<string>(missing).fill('0'), ...(right ?? '').split(':')];
  return `${whole.slice(0, 4).join(':')}::/64`;
}

/** Counts downloads by share; `undefined` = it has as many as it may, else what ends this one. */
export function createDownloads(most: number): (share: string) => (() => void) | undefined {
  const open = new Map<string, number>();
  return (share) => {
    const count = open.get(share) ?? 0;
    if (count >= most) return undefined;
    open.set(share, count + 1);
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      const left = (open.get(share) ?? 1) - 1;
      if (left > 0) open.set(share, left);
      else open.delete(share);
    };
  };
}

/** Hands pieces on, and calls back when no more are wanted. */
export async function* thenEnd(
  pieces: AsyncIterable<Uint8Array>,
  end: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* pieces;
  } finally {
    end();
  }
}
