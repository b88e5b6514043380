import { failed, isFolder, parsed, parseRepository, parseWith, problem } from '../../model/index.ts';
import type { Parsed, Problem } from '../../model/index.ts';
import { compileAuthorities, compileExceptions, parseTime, type TrustRoots } from '../../policy/index.ts';
import { parseSchedule } from '../schedule.ts';
import { imagePromotionRunSchema, imagePromotionSchema, promotionApprovalSchema } from '../schema.ts';
import type {
  ImagePromotion,
  ImagePromotionRun,
  ImagePromotionSpec,
  PromotionApproval,
  ScanSpec,
} from '../schema.ts';
import { compileRoutes } from '../selection/repositories.ts';
import { compileTagFilter } from '../selection/tag-filter.ts';

/** Reads an ImagePromotion, or lists everything that is wrong with it by field path (`spec.tags.semver[0]`). */
export function parsePromotion(document: unknown): Parsed<ImagePromotion> {
  const read = parseWith(imagePromotionSchema, document);
  return read.ok ? unless(specProblems(read.value.spec, 'spec'), read.value) : read;
}

/** Reads an ImagePromotionRun, with the promotion that is frozen in it. */
export function parsePromotionRun(document: unknown): Parsed<ImagePromotionRun> {
  const read = parseWith(imagePromotionRunSchema, document);
  return read.ok ? unless(specProblems(read.value.spec.template, 'spec.template'), read.value) : read;
}

/** Reads a PromotionApproval. Who wrote it is proven by the admission policy of the chart alone. */
export function parseApproval(document: unknown): Parsed<PromotionApproval> {
  const read = parseWith(promotionApprovalSchema, document);
  if (!read.ok || parseTime(read.value.spec.until)) return read;
  return problem('spec.until', 'is no date; write 2026-12-31 or 2026-12-31T00:00:00Z');
}

function unless<T>(problems: readonly Problem[], value: T): Parsed<T> {
  return problems.length > 0 ? { ok: false, problems } : parsed(value);
}

/** What a schema cannot see: names, ranges, patterns, times and dates that cannot be read. */
function specProblems(spec: ImagePromotionSpec, path: string): readonly Problem[] {
  const filter = compileTagFilter(spec.tags);
  const schedule = parseSchedule(spec.schedule ?? '@daily', spec.timeZone);
  const problems = [
    ...placeProblems(spec),
    ...attachmentProblems(spec),
    ...(filter.ok ? [] : under('tags', filter.problems)),
    ...(schedule.ok ? [] : schedule.problems),
    ...(spec.promote?.scan ? under('promote.scan', scanProblems(spec.promote.scan)) : []),
  ];
  return under(path, problems);
}

const under = (path: string, problems: readonly Problem[]): readonly Problem[] =>
  problems.map((one) => ({ path: `${path}.${one.path}`, message: one.message }));

/** Both sides are repositories, and not the same one under two spellings. */
function placeProblems(spec: ImagePromotionSpec): readonly Problem[] {
  const { source, target } = spec;
  const to = repositoryAt('target.repository', target.repository);
  const from =
    source.repository === undefined ? undefined : repositoryAt('source.repository', source.repository);
  if (!to.ok || from?.ok === false) return failed(from ? [from, to] : [to]).problems;
  if (!from) return failed([compileRoutes(spec)]).problems;
  if (from.value !== to.value) return [];
  return [{ path: 'target.repository', message: 'is the same repository as that of the source' }];
}

/** Attachments lie in one repository besides that of the source, which a folder and many repositories are not. */
function attachmentProblems({
  source,
  attachments: { from, carry },
}: ImagePromotionSpec): readonly Problem[] {
  if (from === undefined) return [];
  const path = 'attachments.from';
  const read = repositoryAt(path, from);
  if (!read.ok) return read.problems;
  if (isFolder({ registry: from })) return [{ path, message: 'is a folder; name a repository' }];
  if (carry === 'None') return [{ path, message: 'is not used with carry None' }];
  return source.repository === undefined ? [{ path, message: 'goes with source.repository' }] : [];
}

function repositoryAt(path: string, text: string): Parsed<string> {
  const read = parseRepository(text);
  return read.ok ? read : { ok: false, problems: read.problems.map(({ message }) => ({ path, message })) };
}

/** What is wrong with exceptions and authorities by themselves; keys in Secrets and ConfigMaps are read by the run. */
function scanProblems({ exceptions, authorities }: ScanSpec): readonly Problem[] {
  const problems: Problem[] = [];
  compileExceptions(exceptions, 'exceptions', problems);
  const given = { material: () => undefined, roots: NO_ROOTS, path: 'authorities' };
  compileAuthorities(authorities, given, problems);
  return problems.filter(({ path }) => !/\.(?:secretRef|configMapRef)$/.test(path));
}

/** Stands in for trust roots where nothing is verified. */
const NO_ROOTS: TrustRoots = {
  read: () => parsed({ fingerprint: '', json: '' }),
  publicGood: () => ({ fingerprint: '', json: '' }),
};
