import { expect } from 'chai';
import { always, createTruth, either } from '../../bench/soak/truth.ts';

describe('what a soak knows to be right', () => {
  let time = 0;
  const truth = () => createTruth(['allow'], () => time);
  const at = (permits: ReadonlySet<string>) => [...permits].toSorted();
  const advance = async () => {
    time += 10;
  };

  beforeEach(() => {
    time = 1_000;
  });

  it('F50 a refusal before a change is wrong', async () => {
    const one = truth();
    await one.change(['Unsigned'], 100, advance);
    expect(at(one.permits(500, 900))).to.deep.equal(['allow']);
  });

  it('F50 both answers are right while the change is made, and until its time has passed', async () => {
    const one = truth();
    await one.change(['Unsigned'], 100, advance);
    expect(at(one.permits(990, 1_000))).to.deep.equal(['Unsigned', 'allow']);
    expect(at(one.permits(1_005, 1_006))).to.deep.equal(['Unsigned', 'allow']);
    expect(at(one.permits(1_110, 1_200))).to.deep.equal(['Unsigned', 'allow']);
  });

  it('F50 what was remembered too long is wrong', async () => {
    const one = truth();
    await one.change(['Unsigned'], 100, advance);
    expect(at(one.permits(1_111, 1_120))).to.deep.equal(['Unsigned']);
  });

  it('F50 of two changes at once, the answers before, between and after are right', async () => {
    const one = truth();
    await one.change(['Unsigned'], 100, advance);
    await one.change(['Quarantined'], 0, advance);
    expect(at(one.permits(1_015, 1_016))).to.deep.equal(['Quarantined', 'Unsigned', 'allow']);
    expect(at(one.permits(1_111, 1_112))).to.deep.equal(['Quarantined']);
  });

  it('joins what several parts permit', () => {
    expect(at(either(always('allow'), always('Unsigned'))(0, 1))).to.deep.equal(['Unsigned', 'allow']);
  });
});
