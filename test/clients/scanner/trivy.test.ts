import { expect } from 'chai';
import { reportJson, scanReport } from '../../support/promotions/scan-reports.ts';
import { existsSync } from 'node:fs';
import { digest, IMAGE, NOW, patient, program, removePrograms, SBOM, trivy } from './fixture.ts';
import { BUILT, isUpdate } from './stand-in.ts';

describe('createTrivy', () => {
  afterEach(removePrograms);

  describe('runs Trivy', () => {
    it('on an image by its digest, in its registry, and reports the age of the database', async () => {
      const { command, scans } = await program();
      const output = await trivy(command, { cacheDirectory: '/cache' }).scan(IMAGE, patient());
      expect(output).to.deep.equal({
        ...scanReport({ SchemaVersion: 2 }),
        scanner: { name: 'trivy', version: '0.74.0' },
        databaseUpdatedAt: new Date(BUILT),
        startedAt: NOW,
        finishedAt: NOW,
      });
      const [run] = await scans();
      const line = run?.args.join(' ');
      expect(line).to.match(/^image .* -- registry\.example\.com\/shop\/web@sha256:[a-f0-9]{64}$/);
      for (const part of [
        ['--cache-dir /cache', '--format json', '--scanners vuln', '--image-src remote', '--skip-db-update'],
        ['--skip-java-db-update', '--offline-scan', '--timeout 45000ms', '--cache-backend memory'],
      ].flat()) {
        expect(line).to.include(part);
      }
      expect(line)
        .not.to.include('--insecure')
        .and.not.to.include('--platform')
        .and.not.to.include('--server');
    });

    it('without certificate checks only when plain http is allowed', async () => {
      const { command, scans } = await program();
      const { scan } = trivy(command, { insecureHosts: ['registry.example.com'] });
      await scan(IMAGE, patient());
      const [run] = await scans();
      expect(run?.args.join(' ')).to.include('--insecure --');
    });

    it('on an SBOM in a temporary file that is deleted afterwards', async () => {
      const { command, scans } = await program();
      await trivy(command).scan(SBOM, patient());
      const [run] = await scans();
      expect(run?.args[0]).to.equal('sbom');
      expect(run?.file).to.equal('{"bomFormat":"CycloneDX"}');
      expect(existsSync(run?.folder ?? '/')).to.equal(false);
    });

    it('with additional CAs', async () => {
      const { command, scans } = await program({
        scan: `process.stdout.write(JSON.stringify({ SchemaVersion: 2, ca: read(args[args.indexOf('--cacert') + 1]) }))`,
      });
      const { report } = await trivy(command, { ca: 'a certificate' }).scan(IMAGE, patient());
      expect(JSON.parse(reportJson(report))).to.deep.equal({ SchemaVersion: 2, ca: 'a certificate' });
      expect(await scans()).to.have.length(1);
    });

    it('and updates the database before it reads its age, unless it is offline', async () => {
      const { command, runs } = await program();
      await trivy(command, { offline: false }).scan(IMAGE, patient());
      const seen = await runs();
      expect(seen.map(({ args }) => args[0])).to.deep.equal(['image', 'version', 'image']);
      expect(seen[0]?.args).to.include('--download-db-only').and.not.to.include('--skip-db-update');
      expect(seen[2]?.args).to.include('--skip-db-update').and.not.to.include('--offline-scan');
    });

    it('and updates once for all concurrent scans', async () => {
      const { command, runs } = await program({ update: 'setTimeout(() => {}, 300)' });
      const { scan } = trivy(command, { offline: false });
      await Promise.all([scan(IMAGE, patient()), scan(SBOM, patient())]);
      const updates = (await runs()).filter(({ args }) => args.includes('--download-db-only'));
      expect(updates).to.have.length(1);
    });

    it('and downloads its databases from mirrors, without certificate checks only when plain http is allowed', async () => {
      const { command, runs, scans } = await program();
      const databases = {
        vulnerabilities: 'plain.example:5000/mirror/trivy-db:2',
        java: 'registry.example.com/mirror/trivy-java-db:1',
      };
      const { scan } = trivy(command, { offline: false, databases, insecureHosts: ['plain.example:5000'] });
      await scan(IMAGE, patient());
      const updates = (await runs()).filter(({ args }) => isUpdate(args)).map(({ args }) => args.join(' '));
      expect(updates).to.have.length(2);
      const [java, vulnerabilities] = updates;
      expect(java).to.match(
        /--download-java-db-only --java-db-repository registry\.example\.com\/mirror\/trivy-java-db:1$/,
      );
      expect(vulnerabilities).to.match(
        /--download-db-only --db-repository plain\.example:5000\/mirror\/trivy-db:2 --insecure$/,
      );
      // It would be downloaded with the logins of the image.
      expect((await scans())[0]?.args).to.include('--skip-java-db-update');
    });

    it('with no settings of a promotion for the download of databases', async () => {
      const { command, runs } = await program();
      const { as } = trivy(command, {
        offline: false,
        databases: { vulnerabilities: 'registry.example.com/mirror/trivy-db:2' },
        environment: { ...process.env, DOCKER_CONFIG: '/own/logins' },
      });
      await as({ insecureHosts: ['registry.example.com'], ca: 'a certificate' })(IMAGE, patient());
      const seen = await runs();
      const [update, scan] = [seen[0], seen[2]];
      expect(update?.args).not.to.include('--insecure').and.not.to.include('--cacert');
      expect(update?.environment.DOCKER_CONFIG).to.equal('/own/logins');
      expect(scan?.args).to.include('--insecure').and.to.include('--cacert');
    });

    it('with a bounded number at a time', async () => {
      const { command, scans } = await program({
        scan: `setTimeout(() => process.stdout.write(JSON.stringify({ SchemaVersion: 2, at: Date.now() })), 150)`,
      });
      const { scan } = trivy(command, { parallel: 1 });
      const outputs = await Promise.all([scan(IMAGE, patient()), scan(IMAGE, patient())]);
      const [first] = outputs
        .map(({ report }) => (JSON.parse(reportJson(report)) as { at: number }).at)
        .sort();
      const [, second] = await scans();
      expect(second?.startedAt).to.be.at.least(first ?? Infinity);
    });
  });

  describe('passes on logins', () => {
    const logins = [
      ['a password', { kind: 'password', username: 'acme', password: 'pa:ss' }, { auth: 'YWNtZTpwYTpzcw==' }],
      ['an identity token', { kind: 'identity', token: 'refresh' }, { identitytoken: 'refresh' }],
      ['a bearer token', { kind: 'bearer', token: 'ready' }, { registrytoken: 'ready' }],
    ] as const;
    for (const [what, login, entry] of logins) {
      it(`${what} in a private Docker config that is deleted afterwards, and nowhere else`, async () => {
        const { command, scans } = await program();
        await trivy(command, { keychain: () => Promise.resolve(login) }).scan(IMAGE, patient());
        const [run] = await scans();
        expect(JSON.parse(run?.dockerConfig ?? '')).to.deep.equal({
          auths: { 'registry.example.com': entry },
        });
        const { environment, args } = run ?? {};
        for (const secret of ['pa:ss', 'refresh', 'ready']) {
          expect(JSON.stringify({ environment, args })).not.to.include(secret);
        }
        expect(existsSync(environment?.DOCKER_CONFIG ?? '/')).to.equal(false);
      });
    }

    it('for Docker Hub under its old name', async () => {
      const { command, scans } = await program();
      const { scan } = trivy(command, {
        keychain: () => Promise.resolve({ kind: 'bearer', token: 'ready' }),
      });
      const image = { registry: 'docker.io', repository: 'library/web', digest };
      await scan({ kind: 'image', image }, patient());
      expect((await scans())[0]?.dockerConfig).to.include('"https://index.docker.io/v1/"');
    });

    it('and no login from the home folder', async () => {
      const { command, scans } = await program();
      const environment = { ...process.env, DOCKER_CONFIG: '/somewhere/else' };
      await trivy(command, { environment }).scan(IMAGE, patient());
      expect((await scans())[0]?.dockerConfig).to.equal('{"auths":{}}');
    });

    it('K18 of clouds only for images that are read with the logins of the installation', async () => {
      const environment = {
        PATH: process.env.PATH,
        AWS_ROLE_ARN: 'a',
        AZURE_CLIENT_ID: 'b',
        GOOGLE_APPLICATION_CREDENTIALS: 'c',
      };
      for (const ownLogins of [true, false]) {
        const { command, scans } = await program();
        await trivy(command, { environment }).as({ ownLogins })(IMAGE, patient());
        const seen = (await scans())[0]?.environment ?? {};
        const clouds = Object.keys(seen).filter((name) => /^(?:AWS|AZURE|GOOGLE)_/.test(name));
        expect(clouds).to.have.members(
          ownLogins
            ? ['AWS_ROLE_ARN', 'AZURE_CLIENT_ID', 'GOOGLE_APPLICATION_CREDENTIALS']
            : ['AWS_EC2_METADATA_DISABLED'],
        );
      }
    });

    it('of a promotion', async () => {
      const { command, scans } = await program();
      const other = trivy(command).as({
        keychain: () => Promise.resolve({ kind: 'bearer', token: 'theirs' }),
      });
      await other(IMAGE, patient());
      expect((await scans())[0]?.dockerConfig).to.include('theirs');
    });
  });

  it('removes environment variables that could hide a finding, and those that Trivy does not need', async () => {
    const { command, scans } = await program();
    const environment = {
      PATH: process.env.PATH,
      HTTPS_PROXY: 'http://proxy.example.com',
      TRIVY_DB_REPOSITORY: 'registry.example.com/db',
      TRIVY_SEVERITY: 'CRITICAL',
      TRIVY_IGNORE_UNFIXED: 'true',
      TRIVY_PASSWORD: 'x',
      PRATIQUE_KEY: 'x',
    };
    await trivy(command, { environment }).scan(SBOM, patient());
    const seen = Object.keys((await scans())[0]?.environment ?? {});
    expect(seen).to.include.members(['PATH', 'HTTPS_PROXY', 'TRIVY_DB_REPOSITORY']);
    expect(seen).not.to.include.oneOf([
      'TRIVY_SEVERITY',
      'TRIVY_IGNORE_UNFIXED',
      'TRIVY_PASSWORD',
      'PRATIQUE_KEY',
    ]);
  });
});
