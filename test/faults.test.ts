import { expect } from 'chai';
import { KNOBS, turnKnobs } from './support/faults/index.ts';

/** What each id is about; docs/security-checklist.md has the whole sentence. */
const GROUPS: Readonly<Record<string, string>> = {
  F01: 'is slow, silent or without end',
  F02: 'breaks connections off',
  F03: 'sends fewer or more bytes than it announced',
  F04: 'speaks another HTTP',
  F05: 'sends other bytes or digests',
  F06: 'sends other types and encodings',
  F07: 'answers with a status that has no such body',
  F08: 'redirects in a circle or to another host',
  F09: 'redirects to where no request may go',
  F10: 'asks for logins elsewhere or without end',
  F11: 'gives odd tokens',
  F12: 'refuses to be read',
  F13: 'asks to slow down',
  F14: 'fails always or now and then',
  F15: 'has a certificate that proves nothing',
  F16: 'lists pages that are endless, circular or foreign',
  F17: 'lists entries that are broken or too many',
  F18: 'lists what is about another image, or lists in two places',
  F19: 'has indexes in indexes',
  F20: 'has large and deep manifests',
  F21: 'has manifests that are ambiguous',
  F22: 'has content of other types and sizes',
  F23: 'sends uploads elsewhere',
  F24: 'loses uploads or confirms them too early',
  F25: 'loses manifests and tags that it confirms',
  F26: 'refuses to be written to',
  F27: 'confirms mounts that did not happen',
  F28: 'refuses to delete, or only confirms it',
  F29: 'contradicts itself',
};

/** Knobs of this part are tried here; `npm run faults` tries the others, too, which differ in what is read. */
const isTriedHere = (name: string): boolean => !/\/(?:listing|blob)$/.test(name);

describe('a registry that misbehaves', function () {
  this.timeout(300_000); // many registries, one after the other, also beside other work

  for (const [id, title] of Object.entries(GROUPS))
    it(`${id} ${title}: every operation is answered by its reason, and nothing else happens`, async () => {
      const { rows, failures } = await turnKnobs(
        KNOBS.filter((knob) => knob.id === id && isTriedHere(knob.name)),
      );
      const problems = rows.flatMap(({ knob, operation, problems: all }) =>
        all.map((one) => `${knob.name}, ${operation}: ${one}`),
      );
      expect([...problems, ...failures]).to.deep.equal([]);
      expect(rows).not.to.have.lengthOf(0);
    });

  it('has a test for every knob', () => {
    expect(KNOBS.filter(({ id }) => !(id in GROUPS))).to.deep.equal([]);
  });
});
