import { expect } from 'chai';
import { soak } from '../../bench/soak/soak.ts';

/** Half a minute of traffic; the rest is for starts and for the last changes, on a machine that runs other tests beside it. */
const MINUTES = 0.5;
const WITHIN_MS = 240_000;
/** The same traffic in every run. */
const SEED = 11;

describe('a soak of half a minute', () => {
  it('F50 F52 F53 answers everything right, in time, and lives', async function () {
    this.timeout(WITHIN_MS);
    const lines: string[] = [];
    const { decisions, wrong, deaths, failures } = await soak({
      minutes: MINUTES,
      seed: SEED,
      print: (line) => lines.push(line),
    });
    const said = lines.join('\n');
    console.log(said.replaceAll(/^/gm, '      '));
    expect({ wrong, deaths, failures }, said).to.deep.equal({ wrong: [], deaths: [], failures: [] });
    expect(decisions).to.be.above(100);
  });
});
