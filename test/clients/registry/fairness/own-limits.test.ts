import { expect } from 'chai';
import { sharedTurn, turnOf } from '../../../../src/core/model/index.ts';
import type { RegistryOptions } from '../../../../src/clients/registry/index.ts';
import type { EmbeddedRegistry } from '../../../support/registry/index.ts';
import { client, tagged, useRegistry } from '../client.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

/** An answer that never comes. */
const never = (): Promise<never> => Promise.withResolvers<never>().promise;

describe('what a question to a registry waits for', () => {
  let registry: EmbeddedRegistry;
  useRegistry((started) => {
    registry = started;
  });
  const large = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      annotations: { a: 'x'.repeat(40_000) },
    }),
  );
  /** Whether a question for a large manifest waits for a limit of the process, as soon as `reached` is called. */
  const isWaiting = async (
    optionsOf: (reached: () => void) => Partial<RegistryOptions>,
    isSilent = false,
  ) => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const reply = { status: 200, headers: { 'content-type': MANIFEST }, body: large };
    registry.intercept(() => (isSilent ? (resolve(undefined), never()) : reply));
    const turn = sharedTurn();
    turn.join(turnOf({ namespace: 'a' }));
    const reached = (): void => {
      resolve(undefined);
    };
    const one = client(optionsOf(reached)).inTurn(turn);
    const ended = new AbortController();
    const asked = one.manifest(tagged(registry), ended.signal).catch((error: unknown) => error);
    await promise;
    const waits = turn.isWaiting();
    ended.abort();
    void asked;
    return waits;
  };

  it('B24: is known where it waits for memory', async () => {
    const reserve = (reached: () => void) => () => (setImmediate(reached), never());
    expect(await isWaiting((reached) => ({ budget: { held: () => 0, reserve: reserve(reached) } }))).to.equal(
      true,
    );
  });

  it('B24: is known where it waits for a thread', async () => {
    const parse = (reached: () => void) => () => (setImmediate(reached), never());
    expect(await isWaiting((reached) => ({ parseElsewhere: parse(reached) }))).to.equal(true);
  });

  it('B24: is no limit where the registry does not answer', async () => {
    expect(await isWaiting(() => ({}), true)).to.equal(false);
  });
});
