/** What proxies noticed of queues: searched oldest first, a bounded stretch at a time. */
import {
  type NoticesAnswer,
  type NoticesQuery,
  type NumberedNotice,
  storedNotice,
} from '@respool/contracts/notices';
import { noticeSubject } from '@respool/contracts/subjects';

export interface NoticeMessage {
  readonly sequence: number;
  readonly subject: string;
  readonly bytes: Uint8Array;
}

/** Where notices are kept; the oldest go, so numbers may begin anywhere. */
export interface NoticeStore {
  /**
   * Messages behind `after`, at most `limit`; none where there are no more. Throws LogUnreachable.
   */
  read(after: number, limit: number, signal: AbortSignal): Promise<readonly NoticeMessage[]>;
}

const stretch = 250;
/** Notices looked at for one answer; a search that finds little goes on in the next request. */
const lookedAtMax = 10_000;
const bytesMax = 4_096;

/** What is no notice, or not of the proxy under whose name it came, is passed over. */
export async function searchNotices(
  store: NoticeStore,
  query: NoticesQuery,
  signal: AbortSignal,
): Promise<NoticesAnswer> {
  const items: NumberedNotice[] = [];
  let after = query.after ?? 0;
  for (let looked = 0; looked < lookedAtMax; ) {
    const messages = await store.read(after, stretch, signal);
    if (messages.length === 0) return { items, next: null };
    for (const message of messages) {
      after = message.sequence;
      looked++;
      const found = noticeOf(message);
      if (found !== null && fits(found, query)) items.push(found);
      if (items.length === query.limit) return { items, next: after };
    }
  }
  return { items, next: after };
}

function noticeOf({ sequence, subject, bytes }: NoticeMessage): NumberedNotice | null {
  if (bytes.length > bytesMax) return null;
  try {
    const { success, data } = storedNotice.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
    // The server lets each proxy publish under its own name only: the subject is the proof of it.
    return success && noticeSubject(data.proxy) === subject ? { ...data, sequence } : null;
  } catch {
    return null;
  }
}

function fits(notice: NumberedNotice, query: NoticesQuery): boolean {
  const fields = ['tenant', 'topic', 'consumer', 'kind'] as const;
  return fields.every((field) => query[field] === undefined || query[field] === notice[field]);
}
