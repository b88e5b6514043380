import { expect } from 'chai';
import { imagePolicyCrd } from '../../../src/core/policy/index.ts';
import { specFields } from '../../support/crd.ts';
import { NOW } from '../../support/policies.ts';
import { AUTHORITY_ROWS } from './fields/authorities.ts';
import { MATCH_ROWS } from './fields/match.ts';
import { QUARANTINE_AND_LIFECYCLE_ROWS } from './fields/quarantine-and-lifecycle.ts';
import { outcome, type Rows } from './fields/row.ts';
import { STATEMENT_ROWS } from './fields/statements.ts';

// Each row fails when its field is ignored: the same case, with the field written in two ways, must end differently.
const ROWS: Rows = {
  ...MATCH_ROWS,
  ...AUTHORITY_ROWS,
  ...QUARANTINE_AND_LIFECYCLE_ROWS,
  ...STATEMENT_ROWS,
};

describe('every field of ImagePolicy', () => {
  for (const [field, { asked = {}, ways, look }] of Object.entries(ROWS)) {
    it(`B12: ${field} has effect`, () => {
      expect(ways.map(([spec]) => outcome(spec, { now: NOW, ...asked }, look))).to.deep.equal(
        ways.map(([, expected]) => expected),
      );
      expect(new Set(ways.map(([, expected]) => expected)).size).to.be.above(1);
    });
  }

  it('B12: has a row above', () => {
    expect(Object.keys(ROWS).sort()).to.deep.equal([...specFields(imagePolicyCrd())].sort());
  });
});
