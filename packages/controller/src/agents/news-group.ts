import { isUnavailable } from '@holdfast/contract/errors.ts';
import type { NewsAnswer, PipelineStore } from '@holdfast/core/pipeline/ports.ts';
import type { AgentNews, ReportAnswer } from '@holdfast/core/pipeline/reports.ts';
import type { Logger } from 'pino';

/**
 * Group commit: what agents say while one group is being written makes up the next. A group that
 * cannot be kept is taken apart until the one report that cannot be kept is alone; that one is
 * refused and holds up nobody.
 */
interface Waiting {
  readonly news: AgentNews;
  readonly answered: (answer: NewsAnswer) => void;
  readonly failed: (error: unknown) => void;
}

const MEMBERS_MOST = 200;
const REPORTS_MOST = 1_000;
const AT_ONCE = 2;

export class NewsGroup {
  private readonly store: Pick<PipelineStore, 'applyNews'>;
  private readonly log: Logger;
  private waiting: Waiting[] = [];
  private readonly speaking = new Set<string>();
  private writing = 0;

  constructor(store: Pick<PipelineStore, 'applyNews'>, log: Logger) {
    this.store = store;
    this.log = log;
  }

  tell(news: AgentNews): Promise<NewsAnswer> {
    return new Promise((answered, failed) => {
      this.waiting.push({ news, answered, failed });
      this.next();
    });
  }

  private next(): void {
    if (this.writing >= AT_ONCE) return;
    const group = this.takeGroup();
    if (group.length === 0) return;
    this.writing += 1;
    for (const { news } of group) this.speaking.add(news.agentId);
    void this.write(group).finally(() => {
      this.writing -= 1;
      for (const { news } of group) this.speaking.delete(news.agentId);
      this.next();
    });
  }

  /** One entry an agent: a second one waits for the answer to the first. */
  private takeGroup(): readonly Waiting[] {
    const group: Waiting[] = [];
    const later: Waiting[] = [];
    const agents = new Set(this.speaking);
    let reports = 0;
    for (const entry of this.waiting) {
      const fits = group.length < MEMBERS_MOST && (group.length === 0 || reports < REPORTS_MOST);
      if (!fits || agents.has(entry.news.agentId)) {
        later.push(entry);
        continue;
      }
      agents.add(entry.news.agentId);
      reports += entry.news.reports.length;
      group.push(entry);
    }
    this.waiting = later;
    return group;
  }

  private async write(group: readonly Waiting[]): Promise<void> {
    try {
      const answers = await this.store.applyNews(group.map((entry) => entry.news));
      for (const [index, entry] of group.entries()) entry.answered(answers[index] as NewsAnswer);
    } catch (error) {
      for (const entry of group) {
        // It will be said again when the database is back.
        if (isUnavailable(error)) entry.failed(error);
        else await this.alone(entry);
      }
    }
  }

  private async alone({ news, answered, failed }: Waiting): Promise<void> {
    try {
      answered(await this.reportByReport(news));
    } catch (error) {
      failed(error);
    }
  }

  /** In their order, each in a commit of its own; the last answer has the leases as they are then. */
  private async reportByReport(news: AgentNews): Promise<NewsAnswer> {
    const results: ReportAnswer[] = [];
    const returned: NewsAnswer['returned'][number][] = [];
    const unsettled = new Set<string>();
    const touched = new Set<string>();
    for (const entry of news.reports) {
      try {
        const one = await this.applyOne({ ...news, reports: [entry], logs: [] });
        results.push(...one.results);
        returned.push(...one.returned);
        for (const run of one.unsettled) unsettled.add(run);
        for (const run of one.touched) touched.add(run);
      } catch (error) {
        if (isUnavailable(error)) throw error;
        this.log.error({ err: error, agent: news.agentId, report: entry.report.kind }, 'report refused');
        results.push({ number: entry.number, outcome: 'refused', reason: (error as Error).message });
      }
    }
    const last = await this.applyOne({ ...news, reports: [] });
    return { ...last, results, returned, unsettled: [...unsettled], touched: [...touched] };
  }

  private async applyOne(news: AgentNews): Promise<NewsAnswer> {
    return (await this.store.applyNews([news]))[0] as NewsAnswer;
  }
}
