import { expect } from 'chai';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { whyNoControllers } from '../support/nodes/requirements.ts';
import { openWorkspace, type Workspace } from '../support/programs/workspace.ts';

describe('whether nodes can be started with cgroup v2', () => {
  let workspace: Workspace;
  beforeEach(async () => {
    workspace = await openWorkspace('cgroups');
  });
  afterEach(() => workspace.close());

  it('is no question with cgroup v1', async () => {
    expect(await whyNoControllers(workspace.folder)).to.equal(undefined);
  });

  it('they can where all controllers can be enabled for groups, and they are then', async () => {
    await writeFile(join(workspace.folder, 'cgroup.controllers'), 'cpuset cpu io memory hugetlb pids rdma\n');
    expect(await whyNoControllers(workspace.folder)).to.equal(undefined);
    const enabled = await readFile(join(workspace.folder, 'cgroup.subtree_control'), 'utf8');
    expect(enabled).to.equal('+cpu +cpuset +memory +pids');
  });

  it('they cannot where controllers are missing, which are named', async () => {
    await writeFile(join(workspace.folder, 'cgroup.controllers'), 'hugetlb cpu\n');
    expect(await whyNoControllers(workspace.folder)).to.include('cpuset, memory, pids');
  });

  it('they cannot where controllers are not passed on', async () => {
    await writeFile(join(workspace.folder, 'cgroup.controllers'), 'cpuset cpu memory pids\n');
    await mkdir(join(workspace.folder, 'cgroup.subtree_control'));
    expect(await whyNoControllers(workspace.folder)).to.include('passes controllers on');
  });
});
