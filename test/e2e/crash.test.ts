import { expect } from 'chai';
import { KINDS } from '../crash/kinds.ts';
import { killAll } from '../crash/matrix.ts';

/** Boundaries of each kind of run: the whole matrix is `npm run crash`. */
const KILLED = 3;

describe('a process that is killed', () => {
  for (const kind of KINDS)
    it(`F40 at some requests of ${kind.name} ends like one that was not`, async () => {
      const { outcomes } = await killAll(kind, { oneOf: 8, atMost: KILLED, writesOnly: true });
      expect(outcomes.filter(({ reached }) => reached)).to.have.lengthOf(KILLED);
      expect(outcomes.flatMap(({ problems }) => problems)).to.deep.equal([]);
    });
});
