import { expect } from 'chai';
import { baseScore } from '../../../../src/core/policy/reports/cvss.ts';

describe('a vector of CVSS 3', () => {
  // Examples of https://www.first.org/cvss/v3.1/examples and their base scores.
  for (const [vector, score] of [
    ['AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N', 6.1],
    ['AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N', 6.4],
    ['AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N', 3.1],
    ['AV:N/AC:L/PR:L/UI:N/S:C/C:H/I:H/A:H', 9.9],
    ['AV:L/AC:L/PR:H/UI:N/S:U/C:L/I:L/A:L', 4.2],
    ['AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H', 8.8],
    ['AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N', 7.5],
    ['AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H', 9.8],
    ['AV:N/AC:H/PR:N/UI:N/S:C/C:N/I:H/A:N', 6.8],
    ['AV:P/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H', 6.8],
    ['AV:N/AC:L/PR:N/UI:N/S:C/C:L/I:N/A:N', 5.8],
    ['AV:A/AC:L/PR:N/UI:N/S:C/C:H/I:N/A:H', 9.3],
    ['AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H', 7.8],
    ['AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H', 10],
    ['AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N', 0],
    ['AV:N/AC:L/PR:N/UI:N/S:C/C:N/I:N/A:N', 0],
  ] as const) {
    it(`O11: ${vector} has the base score ${String(score)}`, () => {
      expect(baseScore(`CVSS:3.1/${vector}`)).to.equal(score);
      expect(baseScore(`CVSS:3.0/${vector}`)).to.equal(score);
      expect(baseScore(`CVSS:3.1/${vector.split('/').toReversed().join('/')}`)).to.equal(score);
    });
  }

  const FULL = 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N';

  it('O11: temporal metrics, which only lower a score, and an environment that is not defined change nothing', () => {
    expect(baseScore(`${FULL}/E:U/RL:O/RC:U`)).to.equal(5.3);
    expect(baseScore(`${FULL}/CR:X/IR:X/AR:X/MAV:X/MAC:X/MPR:X/MUI:X/MS:X/MC:X/MI:X/MA:X`)).to.equal(5.3);
  });

  for (const [title, vector] of [
    ['whose environment may raise it', `${FULL}/MC:H`],
    ['whose environment asks for more', `${FULL}/CR:H`],
    ['of CVSS 2', 'AV:N/AC:L/Au:N/C:C/I:C/A:C'],
    ['of CVSS 4', 'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N'],
    ['of a later CVSS 3', FULL.replace('3.1', '3.2')],
    ['without version', FULL.replace('CVSS:3.1/', '')],
    ['with a metric twice', `${FULL}/C:N`],
    ['with an unknown metric', `${FULL}/ZZ:N`],
    ['with a metric that is a word of the language', `${FULL}/constructor:name`],
    ['with an unknown value', FULL.replace('C:L', 'C:Z')],
    ['with a value of the language', FULL.replace('C:L', 'C:constructor')],
    ['with a temporal value of two letters', `${FULL}/E:UP`],
    ['with an empty part', `${FULL}/`],
    ['with a value of two parts', FULL.replace('C:L', 'C:L:H')],
    ['in small letters', FULL.toLowerCase()],
    ['with white space', FULL.replace('/C:L', '/ C:L')],
    ['that is very long', `${FULL}/E:U${'/RL:O'.repeat(40)}`],
    ['that is empty', 'CVSS:3.1/'],
    ...['AV', 'AC', 'PR', 'UI', 'S', 'C', 'I', 'A'].map(
      (name) => [`without ${name}`, FULL.replace(new RegExp(`/${name}:.`), '')] as const,
    ),
  ] as const) {
    it(`O11: one ${title} has no score`, () => {
      expect(baseScore(vector)).to.equal(undefined);
    });
  }
});
