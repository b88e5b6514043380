import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import { REQUIRED_PERMISSIONS, type Permission } from '../../src/cli/doctor/permissions.ts';
import { allows, grantsIn, reported, type Call, type Grant } from '../e2e/support/installation/grants.ts';

/** The chart with its default values. */
const INSTALL = new URL('../../manifests/install.yaml', import.meta.url);
/** Permissions of the chart that only some settings or situations need: the doctor does not check them. */
const OPTIONAL: readonly string[] = [
  // settings.credentials.pullSecrets; that to get Secrets everywhere covers the one for keys
  'get /serviceaccounts',
  // two Secrets by their names
  'update /secrets in pratique',
  // settings.audit.reports
  'get apiextensions.k8s.io/customresourcedefinitions',
  'list openreports.io/reports',
  'create openreports.io/reports',
  'patch openreports.io/reports',
  'delete openreports.io/reports',
  // promotions.enabled
  ...['imagepromotions', 'imagepromotionruns', 'promotionapprovals'].flatMap((resource) =>
    ['list', 'watch'].map((verb) => `${verb} pratique.dev/${resource}`),
  ),
  'get pratique.dev/imagepromotionruns',
  'get /configmaps',
  'create pratique.dev/imagepromotionruns',
  'delete pratique.dev/imagepromotionruns',
  'patch pratique.dev/imagepromotions/status',
  'update pratique.dev/imagepromotionruns/status',
];

/** A permission as a call of the installation `pratique`, with canaries in `default`. */
function callOf({ verb, group, resource, own, named, for: task }: Permission): Call {
  const place = own ? 'pratique' : task.startsWith('the self-test') ? 'default' : undefined;
  return {
    verb,
    group,
    resource,
    ...(place !== undefined && { namespace: place }),
    ...(named && { name: 'pratique' }),
  };
}

describe('the permissions that the doctor checks', () => {
  let grants: readonly Grant[];
  before(async () => {
    grants = grantsIn(await readFile(INSTALL, 'utf8'));
  });

  it('are all granted by the chart', () => {
    const refused = REQUIRED_PERMISSIONS.map(callOf).filter(
      (call) => !grants.some((grant) => allows(grant, call)),
    );
    expect(refused.map(reported)).to.deep.equal([]);
  });

  it('are all permissions of the chart, except those that only some settings need', () => {
    const calls = REQUIRED_PERMISSIONS.map(callOf);
    const others = grants.filter((grant) => !calls.some((call) => allows(grant, call)));
    expect(others.map(reported)).to.have.members(OPTIONAL);
  });
});
