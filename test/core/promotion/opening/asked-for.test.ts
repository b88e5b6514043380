import { expect } from 'chai';
import type { Owner, Turn } from '../../../../src/core/model/index.ts';
import type { OpeningContext } from '../../../../src/core/promotion/opening/context.ts';
import type { Owner as SecretOwner } from '../../../../src/core/promotion/opening/secrets.ts';
import { judgeOn, openSide } from '../../../../src/core/promotion/opening/side.ts';
import { digestOf } from '../../../../src/core/model/index.ts';
import { forever } from '../../../support/verification.ts';
import { readSpec, valueOf } from '../../../support/promotions/promotions.ts';

describe('a side of a promotion', () => {
  it('M23: asks its registry, and judges, for the namespace of the promotion, in the background', async () => {
    const owners: (Owner | undefined)[] = [];
    const as = ({ turn }: { readonly turn?: Turn }) => {
      turn?.follow((owner) => owners.push(owner));
      return {};
    };
    // Only what this side is opened with.
    const context = {
      registry: { as },
      openClient: () => ({ as, close: () => Promise.resolve() }),
      keychain: () => Promise.resolve(undefined),
      trust: { insecureHosts: [], ca: '' },
      clock: () => new Date(0),
      judge: (_: unknown, { owner }: { readonly owner?: Owner }) => {
        owners.push(owner);
        return Promise.resolve({});
      },
    } as unknown as OpeningContext;
    const owner = { namespace: 'platform' } as unknown as SecretOwner;
    const expected: Owner = { namespace: 'platform', background: true };
    const { source } = readSpec();
    const side = valueOf(await openSide('source', { side: source, owner, needs: [] }, context, forever()));
    await judgeOn(side, [], context)({ ...side.place, digest: digestOf('image') }, forever());
    expect(owners).to.deep.equal([expected, expected]);
  });
});
