import { expect } from 'chai';
import { Fault, type ImageRef, type PinnedRef, type ReasonCode } from '../../../src/core/model/index.ts';
import {
  anonymous,
  createRegistry,
  type Registry,
  type RegistryOptions,
} from '../../../src/clients/registry/index.ts';
import type { Keychain, RegistryLogin } from '../../../src/core/evidence/index.ts';
import { parseDigest } from '../../../src/core/model/index.ts';
import { startRegistry, type EmbeddedRegistry } from '../../support/registry/index.ts';

/** A client for one test, closed by {@link closeClients}. */
export function client(options: Partial<RegistryOptions> = {}): Registry {
  const made = createRegistry({
    keychain: anonymous,
    now: () => new Date(),
    requestTimeoutMs: 20_000,
    ...options,
  });
  open.push(made);
  return made;
}

const open: Registry[] = [];

/** Closes all clients made since the last time. */
export async function closeClients(): Promise<void> {
  await Promise.all(open.splice(0).map((one) => one.close()));
}

/** Registers hooks of mocha: one registry for all tests of a describe, which after each of them is empty and has no client. */
export function useRegistry(started: (registry: EmbeddedRegistry) => void): void {
  let registry: EmbeddedRegistry;
  before(async () => {
    registry = await startRegistry();
    started(registry);
  });
  after(() => registry.close());
  afterEach(async () => {
    registry.reset();
    await closeClients();
  });
}

/** A keychain with one login for every repository. */
export function always(login: RegistryLogin | undefined): Keychain {
  return () => Promise.resolve(login);
}

/** A reference into an embedded registry. */
export function tagged(
  { host }: Pick<EmbeddedRegistry, 'host'>,
  tag = '1.0',
  repository = 'shop/web',
): ImageRef {
  return { registry: host, repository, tag };
}

/** A pinned reference into an embedded registry. */
export function pinned(
  { host }: Pick<EmbeddedRegistry, 'host'>,
  digest: string,
  repository = 'shop/web',
): PinnedRef {
  const read = parseDigest(digest);
  if (read === undefined) throw new Error(`${digest} is not a digest`);
  return { registry: host, repository, digest: read };
}

/** A signal that does not fire within a test. */
export function patient(): AbortSignal {
  return AbortSignal.timeout(50_000);
}

/** The Fault a promise ends in; fails when there is none, or one with another code. */
export async function faultOf(promise: Promise<unknown>, code: ReasonCode): Promise<Fault> {
  const outcome = await promise.then(
    () => 'no fault',
    (error: unknown) => error,
  );
  expect(outcome).to.be.instanceOf(Fault);
  const fault = outcome as Fault;
  expect(fault.code, fault.message).to.equal(code);
  return fault;
}
