// One installation for all knobs, and for each operation its own registries, so that nothing is known from before.
import { join } from 'node:path';
import { createAuthority, type Authority } from '../certificates.ts';
import { openPromotionFixture, shipKey, type PromotionFixture } from '../promotions/promotion-fixture.ts';
import { failure, json } from '../registry/http.ts';
import { startRegistry, type EmbeddedRegistry, type Intercept } from '../registry/index.ts';
import { all } from '../registry/misbehave.ts';
import { pushImage, type Pushed, type Target } from '../registry/push.ts';
import { pushBundleSignature } from '../signed-images.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { signingKey, type SigningKey } from '../signing.ts';
import { isSource, type Knob, type Operation, type Stage } from './knob.ts';
import { BASIC, isSecretIn, TOKEN } from './secrets.ts';

/** Limits of time, in milliseconds. */
interface Times {
  /** For one request, and for a silence in a transfer. */
  readonly requestMs: number;
  readonly budgetMs: Readonly<Record<Operation, number>>;
}

/** For registries that answer: no machine is so busy that one of them is too late. */
const PATIENT: Times = {
  requestMs: 5_000,
  budgetMs: { admission: 15_000, audit: 15_000, mirror: 30_000, promotion: 30_000 },
};
/** For those that do not: a twelfth of what the program waits for a request. */
const HASTY: Times = {
  requestMs: 400,
  budgetMs: { admission: 1_200, audit: 2_000, mirror: 2_500, promotion: 2_500 },
};
/** Requests to one host at a time. */
export const CONNECTIONS_PER_HOST = 4;
/** The installation whose registries misbehave. */
export interface Installation extends Pick<Times, 'budgetMs'> {
  readonly fixture: PromotionFixture;
  /** Signs every image that may run. */
  readonly key: SigningKey;
  /** Trusted besides those of the system. */
  readonly authority: Authority;
  /** The Secret that promotions sign with. */
  readonly signingPem: string;
  /** Lets the installation log in to this host, too. */
  readonly addLogin: (host: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Opens an installation; `hasty` = with short limits of time. */
export async function openInstallation(hasty: boolean): Promise<Installation> {
  const { requestMs, budgetMs } = hasty ? HASTY : PATIENT;
  const authority = await createAuthority('acme authority');
  const folder = await temporaryFolder({ 'ca.crt': authority.cert });
  const caFiles = [join(folder.path, 'ca.crt')];
  const fixture = await openPromotionFixture(
    {},
    { registries: { caFiles, requestTimeoutMs: requestMs, concurrencyPerHost: CONNECTIONS_PER_HOST } },
    {
      place: { stallMs: requestMs },
      // Pauses between attempts are over at once.
      opening: { pause: () => Promise.resolve() },
    },
  );
  const auths: Record<string, { readonly auth: string }> = {};
  let written = Promise.resolve();
  return {
    ...{ authority, budgetMs, fixture },
    key: signingKey(),
    signingPem: shipKey().pem,
    addLogin: (host) => {
      auths[host] = { auth: BASIC };
      written = written.then(() => fixture.setLogins({ auths }));
      return written;
    },
    close: async () => {
      await fixture.close();
      await folder.remove();
    },
  };
}

/** The registries of one operation, and what was seen at them. */
export interface OpenStage extends Stage, Pick<Times, 'budgetMs'> {
  /** Where the bad and the good registry have the image, or get it. */
  readonly badPlace: Target;
  readonly goodPlace: Target;
  /** Requests to the foreign host that carried a credential. */
  readonly leaks: readonly string[];
  /** From here on the bad registry is a good one. */
  readonly behave: () => void;
  readonly close: () => Promise<void>;
}

let stages = 0;

/** Starts the registries of one operation, with everything pushed; the bad one misbehaves. */
export async function openStage(
  knob: Knob,
  operation: Operation,
  { fixture, key, authority, budgetMs, addLogin }: Installation,
): Promise<OpenStage> {
  const number = (stages += 1);
  const leaks: string[] = [];
  let foreignAnswer: Intercept | undefined;
  const [bad, foreign] = await Promise.all([
    startRegistry(knob.options),
    startRegistry({
      ...(await knob.foreign?.(authority)),
      address: '127.0.0.2',
      intercept: all(spyInto(leaks), (request, handle) => foreignAnswer?.(request, handle)),
    }),
  ]);
  await addLogin(bad.host);
  const badPlace = { registry: bad.host, repository: `stage-${number}/app`, tag: '1.0.0' };
  const other = knob.mounts ? bad : fixture.registry;
  const goodPlace = { ...badPlace, registry: other.host, repository: `good-${number}/app` };
  const image = await pushSigned(isSource(knob, operation) ? badPlace : goodPlace, key, knob.push);
  const stage: Stage = {
    ...{ operation, bad, foreign, image },
    serveForeign: (intercept) => {
      foreignAnswer = intercept;
    },
  };
  const quiet: Intercept = () => undefined;
  const { login = () => quiet, misbehave = () => quiet } = knob;
  bad.forgetLog();
  bad.intercept(all(login(stage), wantLogin(bad), misbehave(stage)));
  return {
    ...stage,
    ...{ badPlace, goodPlace, leaks, budgetMs },
    behave: () => {
      bad.intercept(undefined);
    },
    close: async () => {
      await Promise.all([bad.close(), foreign.close()]);
    },
  };
}

/** Pushes an image, and a signature of it. */
export async function pushSigned(place: Target, key: SigningKey, push: Knob['push']): Promise<Pushed> {
  const image = await (push ?? pushImage)(place);
  await pushBundleSignature(place, image, key);
  return image;
}

/** Wants a token, which it gives for the login of the installation. */
function wantLogin({ url }: EmbeddedRegistry): Intercept {
  return ({ url: { pathname }, headers: { authorization } }) => {
    if (pathname === '/token')
      return authorization === `Basic ${BASIC}`
        ? json(200, { token: TOKEN, expires_in: 300 })
        : failure(401, 'UNAUTHORIZED');
    if (authorization === `Bearer ${TOKEN}`) return undefined;
    return failure(401, 'UNAUTHORIZED', {
      'www-authenticate': `Bearer realm="${url}/token",service="bad"`,
    });
  };
}

function spyInto(leaks: string[]): Intercept {
  return ({ method, url, headers }) => {
    const sent = JSON.stringify([url.href, headers]);
    if (headers.authorization !== undefined || isSecretIn(sent))
      leaks.push(`${method} ${url.host}${url.pathname}`);
    return undefined;
  };
}
