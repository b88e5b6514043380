import { expect } from 'chai';
import { pathsOf, settingsOf } from './settings.ts';

describe('the settings of the scanner', () => {
  it('have defaults', () => {
    expect(settingsOf({}).scanner).to.deep.equal({
      command: 'trivy',
      offline: false,
      timeoutMs: 600_000,
      parallel: 2,
    });
  });

  it('are kept as they are written', () => {
    const scanner = {
      command: '/opt/trivy',
      cacheDirectory: '/var/cache/trivy',
      server: 'https://trivy.example.com:4954',
      offline: true,
      databaseRepository: 'registry.example.com:5000/mirror/trivy-db:2',
      javaDatabaseRepository: 'registry.example.com/mirror/trivy-java-db',
      timeoutMs: 1,
      parallel: 16,
    };
    expect(settingsOf({ scanner }).scanner).to.deep.equal(scanner);
  });

  const wrong: readonly [string, unknown, string][] = [
    ['an unknown key', { binary: 'trivy' }, 'scanner'],
    ['a command without a name', { command: '' }, 'scanner.command'],
    ['a cache nowhere', { cacheDirectory: '' }, 'scanner.cacheDirectory'],
    ['a server without a scheme', { server: 'trivy.example.com' }, 'scanner.server'],
    ['a server that is a file', { server: 'file:///trivy' }, 'scanner.server'],
    ['a server with a login', { server: 'https://acme:x@trivy.example.com' }, 'scanner.server'],
    ['a server with a query', { server: 'https://trivy.example.com?token=x' }, 'scanner.server'],
    ['an answer that is neither yes nor no', { offline: 'no' }, 'scanner.offline'],
    [
      'a database without a registry',
      { databaseRepository: 'aquasec/trivy-db' },
      'scanner.databaseRepository',
    ],
    ['a database by its name alone', { databaseRepository: 'trivy-db:2' }, 'scanner.databaseRepository'],
    ['a database that is an option', { databaseRepository: '--x=a.b/c' }, 'scanner.databaseRepository'],
    [
      'a database with a URL',
      { javaDatabaseRepository: 'https://a.example/db' },
      'scanner.javaDatabaseRepository',
    ],
    ['no time at all', { timeoutMs: 0 }, 'scanner.timeoutMs'],
    ['no run at a time', { parallel: 0 }, 'scanner.parallel'],
    ['more runs than any machine bears', { parallel: 17 }, 'scanner.parallel'],
  ];
  for (const [what, scanner, path] of wrong) {
    it(`refuse ${what}`, () => expect(pathsOf({ scanner })).to.deep.equal([path]));
  }
});
