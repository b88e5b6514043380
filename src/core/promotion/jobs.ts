import { readSbom } from './gates/sboms.ts';
import { readScanReport } from './gates/scan-report.ts';
import { updateHistory } from './records/history-page.ts';
import { selectTags } from './selection/select.ts';

/** What is done for promotions beside the main thread where it is large, by the name of the job. */
export const PROMOTION_JOBS = {
  sbom: readSbom,
  report: readScanReport,
  history: updateHistory,
  select: selectTags,
};
