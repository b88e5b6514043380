import { expect } from 'chai';
import { describeUnexamined } from '../../../../src/core/policy/reports/judge.ts';
import { readVulnerabilities } from '../../../../src/core/policy/reports/read.ts';
import { TRIVY } from '../proven.ts';

const COSIGN = 'https://cosign.sigstore.dev/attestation/vuln/v1';
const SARIF = 'application/sarif+json';

function unexamined(predicateType: string, predicate: unknown): string {
  const report = readVulnerabilities({ predicateType, predicate });
  if (!report || 'unreadable' in report) throw new Error(report?.unreadable ?? 'no report');
  return report.unexamined.join('; ');
}

const NOTHING = 'the scanner recognised nothing in it';
const WINDOWS = 'it is for windows, whose packages scanners do not know';

describe('what a scanner did not examine', () => {
  const config = (os: string) => ({ ImageConfig: { os } });
  const system = (Family: string, Name: string, more: object = {}) => ({ OS: { Family, Name, ...more } });
  const os = [{ Target: 'x', Class: 'os-pkgs', Type: 'alpine' }];
  const go = [{ Target: 'app', Class: 'lang-pkgs', Type: 'gobinary' }];
  const ended = (name: string) => `${name} is past its end of service life`;
  // As the real Trivy writes them.
  for (const [title, report, expected] of [
    ['a clean Alpine', { Metadata: { ...system('alpine', '3.22.1'), ...config('linux') }, Results: os }, ''],
    ['a static Go binary alone', { Metadata: config('linux'), Results: go }, ''],
    ['a list of findings that is empty', { Results: [{ Vulnerabilities: [] }] }, ''],
    ['a program in Go in the words of older versions', { Metadata: system('none', ''), Results: go }, ''],
    ['a distribution that it does not know', { Metadata: config('linux') }, NOTHING],
    ['results that are null', { Results: null }, NOTHING],
    ['results that are empty', { Results: [] }, NOTHING],
    ['a result that says nothing', { Results: [{ Target: 'x' }] }, NOTHING],
    ['secrets only', { Results: [{ Class: 'secret', Vulnerabilities: [] }] }, NOTHING],
    [
      'a distribution that it knows and has no advisories for',
      { Metadata: system('fedora', '40') },
      'the scanner examined no packages of fedora 40',
    ],
    [
      'libraries without the system',
      { Metadata: system('alpine', '3.22.1'), Results: go },
      'the scanner examined no packages of alpine 3.22.1',
    ],
    [
      'a distribution that has ended',
      { Metadata: system('alpine', '3.8.0', { EOSL: true }), Results: os },
      ended('alpine 3.8.0'),
    ],
    ['an end without a name', { Metadata: { OS: { EOSL: true } }, Results: os }, ended('its distribution')],
    [
      'an ended one without packages',
      { Metadata: system('x', '1', { EOSL: true }) },
      `the scanner examined no packages of x 1; ${ended('x 1')}`,
    ],
    ['Windows', { Metadata: config('windows') }, WINDOWS],
    ['Windows with a program in Go', { Metadata: config('Windows '), Results: go }, WINDOWS],
    ['another system', { Metadata: config('freebsd'), Results: go }, WINDOWS.replace('windows', 'freebsd')],
    [
      'a name that is very long',
      { Metadata: system('x\n'.repeat(200), '1') },
      `the scanner examined no packages of ${'x '.repeat(31)}x…`,
    ],
  ] as const) {
    it(`O14: Trivy: ${title}`, () => {
      expect(unexamined(TRIVY, { SchemaVersion: 2, ...report })).to.equal(expected);
      const scanner = { uri: 'trivy', result: { SchemaVersion: 2, ...report } };
      expect(unexamined(COSIGN, { scanner })).to.equal(expected);
    });
  }

  const match = { vulnerability: { id: 'CVE-2026-0001', severity: 'Low' } };
  const alert = (type: string) => ({ alertsByPackage: [{ package: {}, alerts: [{ type }] }] });
  for (const [title, report, expected] of [
    ['a clean Alpine', { matches: [], distro: { name: 'alpine', version: '3.22.1' } }, ''],
    ['a match without distribution', { matches: [match] }, ''],
    ['a match with a distribution without name', { matches: [match], distro: { name: '', version: '' } }, ''],
    ['neither', { matches: [] }, NOTHING],
    ['neither, as it writes that', { matches: [], distro: { name: '', version: '', idLike: null } }, NOTHING],
    [
      'a distribution without advisories',
      { matches: [match], distro: { name: 'gentoo', version: '2.15' } },
      'the scanner has no advisories for gentoo 2.15',
    ],
    [
      'a distribution that has ended',
      { matches: [], distro: { name: 'debian', version: '9' }, ...alert('distro-eol') },
      'the scanner has no full advisories for debian 9',
    ],
    [
      'an alert about something else',
      { matches: [], distro: { name: 'debian', version: '13' }, ...alert('other') },
      '',
    ],
    ['Windows', { matches: [], source: { type: 'image', target: { os: 'windows' } } }, WINDOWS],
    ['a folder', { matches: [match], source: { type: 'directory', target: '/app' } }, ''],
  ] as const) {
    it(`O15: Grype: ${title}`, () => {
      expect(unexamined(COSIGN, report)).to.equal(expected);
    });
  }

  const sarif = (invocation: object) => ({
    version: '2.1.0',
    runs: [{ tool: { driver: { name: 'x' } }, results: [], invocations: [invocation] }],
  });
  const ERRORS = 'the scanner reports errors of its own';
  for (const [title, invocation, expected] of [
    ['a run that found nothing', { executionSuccessful: true }, ''],
    ['a warning', { toolExecutionNotifications: [{ level: 'warning' }, {}] }, ''],
    ['an error of the scan', { toolExecutionNotifications: [{ level: 'note' }, { level: 'error' }] }, ERRORS],
    ['an error of its configuration', { toolConfigurationNotifications: [{ level: 'error' }] }, ERRORS],
    ['a start that failed', { processStartFailureMessage: 'no such file' }, ERRORS],
  ] as const) {
    it(`O15: SARIF: ${title}`, () => {
      expect(unexamined(SARIF, sarif(invocation))).to.equal(expected);
    });
  }

  it('O15: in-toto: an empty list is how the format writes that nothing was found', () => {
    expect(unexamined('https://in-toto.io/attestation/vulns/v0.2', { scanner: { result: [] } })).to.equal('');
  });

  it('O14: the message names the field by which it would be accepted', () => {
    expect(describeUnexamined([NOTHING, WINDOWS], 'a.b')).to.equal(
      `${NOTHING}, and ${WINDOWS}; a.b: Ignore would accept that`,
    );
  });
});
