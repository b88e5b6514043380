import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { podOf } from '../../../src/controllers/promotions/jobs/job.ts';
import { runObject } from './fixture.ts';

const TEMPLATE = {
  image: 'registry.example.com/pratique:1',
  serviceAccountName: 'pratique-runs',
  installation: 'pratique',
  resources: {},
};

interface Container {
  readonly command?: readonly string[];
  readonly image: string;
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly securityContext: unknown;
  readonly volumeMounts: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: true;
  }[];
}

interface Pod {
  readonly initContainers?: readonly Container[];
  readonly containers: readonly [Container];
  readonly volumes: readonly { readonly name: string }[];
}

describe('the pod of a Job that scans', () => {
  const pod = (scanner?: { image: string; path: string }) =>
    podOf(runObject().metadata, 'j-1', { ...TEMPLATE, ...(scanner && { scanner }) }) as Pod;
  const scanning = pod({ image: 'registry.example.com/trivy:1', path: '/usr/local/bin/trivy' });
  const [run] = scanning.containers;
  const env = Object.fromEntries((run.env ?? []).map(({ name, value }) => [name, value]));

  it('copies Trivy out of its image, with the same restrictions as the run', () => {
    expect(scanning.initContainers).to.have.lengthOf(1);
    expect(scanning.initContainers?.[0]).to.deep.include({
      image: 'registry.example.com/trivy:1',
      command: ['cp', '/usr/local/bin/trivy', '/opt/trivy/trivy'],
      securityContext: run.securityContext,
      volumeMounts: [{ name: 'trivy', mountPath: '/opt/trivy' }],
    });
    expect(scanning.volumes.map(({ name }) => name)).to.deep.equal(['scratch', 'trivy']);
    expect(run.volumeMounts).to.deep.include({ name: 'trivy', mountPath: '/opt/trivy', readOnly: true });
  });

  it('finds Trivy on the PATH after the tools of our image, and stores its databases in a writable volume', async () => {
    const dockerfile = await readFile(new URL('../../../Dockerfile', import.meta.url), 'utf8');
    const own = /^ENV .*\bPATH=(\S+)/m.exec(dockerfile)?.[1];
    expect(env.PATH).to.equal(`${String(own)}:/opt/trivy`);
    expect(env.XDG_CACHE_HOME).to.equal('/tmp');
    expect(run.volumeMounts).to.deep.include({ name: 'scratch', mountPath: '/tmp' });
  });

  it('has no part of Trivy when no image of it is named', () => {
    const plain = pod();
    expect(plain).not.to.have.property('initContainers');
    expect(plain.containers[0]).not.to.have.property('env');
    expect(plain.volumes.map(({ name }) => name)).to.deep.equal(['scratch']);
  });
});
