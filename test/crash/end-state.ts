// What two runs that ended alike have in common, and what must hold at every moment in between.
import type { Repository, Store } from '../support/registry/store.ts';
import {
  commonForm,
  isImage,
  isListing,
  lacksOf,
  listedAbout,
  nodeAt,
  nodesIn,
  statementTypes,
  subjectOfTag,
  treeOf,
  type Common,
  type Node,
} from './records.ts';

const QUARANTINE = 'application/vnd.pratique.quarantine.v1+json';
const RELEASE = 'https://pratique.dev/release/v1';
const HISTORY = 'mirror-history';

/** A registry at one moment. */
export interface Content {
  readonly name: string;
  readonly store: Store;
  readonly hasApi: boolean;
}

/** What a promotion asks for, as far as laws depend on it. */
export interface Laws {
  /** Where every image bears a flag from its first moment. */
  readonly flagged: readonly string[];
  /** Where every tag that was not there before is signed and released. */
  readonly signed: readonly string[];
}

/**
 * All that the registries have, one line each, in a form that two runs have in common. A manifest that nothing leads to (an older
 * version of a listing or of the history) is not part of it. `collapse` = records that may be there twice, as they are true twice.
 */
export function endStateOf(
  contents: readonly Content[],
  common: Common,
  collapse: (line: string) => boolean,
): readonly string[] {
  const lines = contents.flatMap(({ name, store, hasApi }) =>
    [...store].flatMap(([path, repository]) =>
      linesOf(repository, common, hasApi).map((line) => `${name}/${path} ${line}`),
    ),
  );
  const sorted = lines.toSorted();
  return sorted.filter((line, index) => line !== sorted[index - 1] || !collapse(line));
}

function linesOf(repository: Repository, common: Common, hasApi: boolean): readonly string[] {
  const tags = [...repository.tags].filter(([tag]) => !isListing(tag));
  const tagged = tags.flatMap(([tag, digest]) => {
    const node = nodeAt(repository, digest);
    if (!node) return [`tag ${tag} -> nothing`];
    if (common.images.has(digest)) return [`tag ${tag} -> ${digest}`];
    // Each layer of cosign's tag is a record of its own.
    const layers = node.body.layers ?? [];
    const alone = (layer: (typeof layers)[number]): Node => ({
      ...node,
      body: { ...node.body, layers: [layer] },
    });
    return layers.map((layer) => `tag ${tag} -> ${commonForm(repository, alone(layer), common)}`);
  });
  const images = nodesIn(repository).filter(({ digest }) => common.images.has(digest));
  const listed = hasApi
    ? nodesIn(repository).filter(({ subject }) => subject !== undefined)
    : listings(repository).flatMap((subject) => listedAbout(repository, subject, false));
  const other = listed.filter(({ digest }) => !common.images.has(digest));
  return [
    ...tagged,
    ...images.map(({ digest }) => `manifest ${digest}`),
    ...other.map((node) => `record ${commonForm(repository, node, common)}`),
    ...(hasApi ? [] : listings(repository).map((subject) => `listing about ${evenSubject(subject, common)}`)),
  ];
}

function evenSubject(subject: string, { images }: Common): string {
  return images.has(subject) ? subject : 'a record';
}

function listings(repository: Repository): readonly string[] {
  return [...repository.tags.keys()].filter(isListing).flatMap((tag) => subjectOfTag(tag) ?? []);
}

/** What is wrong at this moment, whatever happens next; `before` = the registries before the run. */
export function brokenLaws(
  contents: readonly Content[],
  before: readonly Content[],
  laws: Laws,
): readonly string[] {
  return contents.flatMap((content) => {
    const old = before.find(({ name }) => name === content.name);
    return [...content.store].flatMap(([path, repository]) => {
      const place = `${content.name}/${path}`;
      const was = old?.store.get(path);
      const broken = [
        ...incomplete(repository),
        ...lostFlags(repository, was, content.hasApi),
        ...(laws.flagged.includes(path) ? unflagged(repository, content.hasApi) : []),
        ...(laws.signed.includes(path) ? unsigned(repository, was, content.hasApi) : []),
        ...doubledArrivals(repository),
      ];
      return broken.map((one) => `${place}: ${one}`);
    });
  });
}

/** No tag leads to a graph that lacks a part. */
function incomplete(repository: Repository): readonly string[] {
  return [...repository.tags]
    .filter(([tag]) => !isListing(tag))
    .flatMap(([tag, digest]) => lacksOf(repository, digest).map((one) => `tag ${tag} lacks ${one}`));
}

function isFlagged(repository: Repository, digest: string, hasApi: boolean): boolean {
  const about = listedAbout(repository, digest, hasApi);
  return about.some(({ body }) => body.artifactType === QUARANTINE);
}

/** What had a flag before the run has one as long as it is there. */
function lostFlags(repository: Repository, was: Repository | undefined, hasApi: boolean): readonly string[] {
  return nodesIn(repository)
    .filter((node) => isImage(repository, node))
    .filter(({ digest }) => was && isFlagged(was, digest, hasApi) && !isFlagged(repository, digest, hasApi))
    .map(({ digest }) => `${digest} lost its flag`);
}

/** Nothing that can be run lies in quarantine without a flag. */
function unflagged(repository: Repository, hasApi: boolean): readonly string[] {
  return nodesIn(repository)
    .filter((node) => isImage(repository, node))
    .filter(({ digest }) => !isFlagged(repository, digest, hasApi))
    .map(({ digest }) => `${digest} has no flag`);
}

/** A tag that was not there before leads to an image that is signed, and released with all below it. */
function unsigned(repository: Repository, was: Repository | undefined, hasApi: boolean): readonly string[] {
  const tags = [...repository.tags].filter(([tag, digest]) => {
    const isOld = was?.tags.get(tag) === digest;
    return !isOld && subjectOfTag(tag) === undefined;
  });
  return tags.flatMap(([tag, digest]) => {
    const types = (of: string) =>
      listedAbout(repository, of, hasApi).flatMap((node) => statementTypes(repository, node));
    const isSigned = types(digest).some((type) => type.endsWith('/cosign/sign/v1'));
    const unreleased = treeOf(repository, digest).filter(({ digest: one }) => !types(one).includes(RELEASE));
    return [
      ...(isSigned ? [] : [`tag ${tag} is not signed`]),
      ...unreleased.map(({ digest: one }) => `${one} of tag ${tag} is not released`),
    ];
  });
}

/** The history names each digest of a tag once. */
function doubledArrivals(repository: Repository): readonly string[] {
  const entries = arrivalsIn(repository);
  return entries.filter((one, index) => entries.indexOf(one) !== index).map((one) => `${one} arrived twice`);
}

function arrivalsIn(repository: Repository): readonly string[] {
  const node = nodeAt(repository, repository.tags.get(HISTORY) ?? '');
  const text = repository.blobs.get(node?.body.layers?.[0]?.digest ?? '')?.toString() ?? '{"entries":[]}';
  const { entries } = JSON.parse(text) as {
    readonly entries: readonly { readonly sourceTag: string; readonly sourceDigest: string }[];
  };
  return entries.map(({ sourceTag, sourceDigest }) => `${sourceTag} ${sourceDigest}`);
}
