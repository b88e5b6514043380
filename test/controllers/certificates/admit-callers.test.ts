import { expect } from 'chai';
import { admitByFile, admitCallers } from '../../../src/controllers/certificates/admit-callers.ts';
import { encodePathSecrets, type PathSecrets } from '../../../src/controllers/certificates/path-plan.ts';
import { parsed, problem } from '../../../src/core/model/index.ts';
import { parseSettings, type SettingsInput } from '../../../src/core/settings/index.ts';

const [FIRST, SECOND, THIRD] = ['a1', 'b2', 'c3'].map((two) => two.repeat(32)) as [string, string, string];

function webhookOf(input: SettingsInput['webhook'] = {}) {
  const read = parseSettings({ webhook: input });
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.value.webhook;
}
const caller = (below?: string, certificate?: readonly string[]) => ({ below, certificate });

describe('admitCallers', () => {
  const open = (input: SettingsInput['webhook'] = {}) => {
    const held: { data: unknown } = { data: undefined };
    const callers = admitCallers({ webhook: webhookOf(input), secretData: () => held.data });
    const store = (secrets: Partial<PathSecrets>) => {
      const whole = { secret: FIRST, plain: false, madeAt: new Date('2030-01-01'), ...secrets };
      held.data = encodePathSecrets(whole);
      callers.refresh();
    };
    return { ...callers, held, store };
  };

  it('C01 admits no caller, and is not known, before the Secret was read', () => {
    const { admits, isKnown, refresh, held } = open();
    for (const data of [undefined, {}, { secret: '', made: '' }, { secret: 'c2hvcnQ=', made: 'MjAzMA==' }]) {
      held.data = data;
      refresh();
      expect(isKnown()).to.equal(false);
      for (const below of [undefined, '', 'short', 'undefined'])
        expect(admits(caller(below)), String(below)).to.equal(false);
    }
  });

  it('C04 admits the newest secret and the one before, and the plain path only while the Secret says so', () => {
    const { admits, store } = open();
    const admitted = () => [undefined, '', FIRST, SECOND, THIRD].filter((below) => admits(caller(below)));
    store({});
    expect(admitted()).to.deep.equal([FIRST]);
    store({ secret: SECOND, previous: FIRST });
    expect(admitted()).to.deep.equal([FIRST, SECOND]);
    store({ secret: SECOND, plain: true });
    expect(admitted()).to.deep.equal([undefined, SECOND]);
    store({ secret: THIRD });
    expect(admitted()).to.deep.equal([THIRD]);
  });

  it('C04 keeps what it knows when the Secret is lost or cannot be read', () => {
    const { admits, store, held, refresh } = open();
    store({});
    for (const data of [undefined, { secret: 'IA==' }, 'text']) {
      held.data = data;
      refresh();
      expect(admits(caller(FIRST))).to.equal(true);
    }
  });

  it('C03 wants secret and certificate where authorities of clients are set, and one of the names where there are names', () => {
    const any = open({ clientCA: '/ca.crt' });
    any.store({ plain: true });
    expect(any.admits(caller(FIRST))).to.equal(false);
    expect(any.admits(caller())).to.equal(false);
    expect(any.admits(caller(FIRST, []))).to.equal(true);
    expect(any.admits(caller(SECOND, ['kube-apiserver']))).to.equal(false);
    const named = open({ clientCA: '/ca.crt', clientNames: ['kube-apiserver'] });
    named.store({});
    expect(named.admits(caller(FIRST, ['system:node:a', 'kube-apiserver-2']))).to.equal(false);
    expect(named.admits(caller(FIRST, ['system:node:a', 'kube-apiserver']))).to.equal(true);
  });
});

describe('admitByFile', () => {
  const admitted = (input: SettingsInput['webhook'], text?: string) => {
    const admits = admitByFile(webhookOf(input), text === undefined ? undefined : parsed(text));
    if (!admits.ok) return admits.problems;
    return [undefined, '', FIRST, SECOND].filter((below) => admits.value(caller(below)));
  };

  it('C07 admits at the plain path only on loopback', () => {
    for (const listen of ['127.0.0.1:0', '127.8.0.1:1', '[::1]:8443', 'localhost:8443'])
      expect(admitted({ listen }), listen).to.deep.equal([undefined]);
    for (const listen of [
      ':8443',
      '0.0.0.0:8443',
      '[::]:8443',
      '10.0.0.1:1',
      'localhost.example.com:1',
      '128.0.0.1:1',
    ])
      expect(admitted({ listen }), listen).to.deep.include({
        path: '--path-secret',
        message:
          'is needed to listen anywhere but on loopback: every caller could ask about every namespace otherwise',
      });
  });

  it('C07 admits each line of the file and nothing else, on loopback, too', () => {
    expect(admitted({ listen: ':8443' }, `${FIRST}\n${SECOND}\r\n\n`)).to.deep.equal([FIRST, SECOND]);
    expect(admitted({ listen: '127.0.0.1:0' }, SECOND)).to.deep.equal([SECOND]);
  });

  it('C07 refuses a file without a secret, or with one that is too short, and repeats nothing of it', () => {
    const webhook = { listen: ':8443', pathSecretFile: '/secret' };
    for (const [text, line] of [
      ['', 1],
      ['\n', 1],
      [`${FIRST}\nsecret`, 2],
      [`${FIRST} `, 1],
      ['ä'.repeat(30), 1],
    ] as const)
      expect(admitted(webhook, text)).to.deep.equal([
        { path: '/secret', message: `line ${line} is no secret of 22 to 128 letters, digits, - and _` },
      ]);
    const unread = problem('/secret', 'no such file or folder');
    expect(admitByFile(webhookOf(webhook), unread)).to.deep.equal(unread);
  });
});
