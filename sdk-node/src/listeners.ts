/** Who wants to hear of something. A listener that throws, or whose promise rejects, disturbs nobody. */
export class Listeners<News> {
  readonly #failed: (error: unknown) => void;
  readonly #listeners = new Set<{ readonly hear: (news: News) => unknown }>();

  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  /** Returns what removes the listener; the same function may be added twice. */
  add(hear: (news: News) => unknown): () => void {
    const entry = { hear };
    this.#listeners.add(entry);
    return () => {
      this.#listeners.delete(entry);
    };
  }

  tell(news: News): void {
    for (const entry of [...this.#listeners]) {
      // One listener may have removed another.
      if (!this.#listeners.has(entry)) continue;
      try {
        const outcome = entry.hear(news);
        // TypeScript takes an async function for a listener, and its rejection would end the program.
        if (outcome instanceof Promise) outcome.catch(this.#failed);
      } catch (error) {
        this.#failed(error);
      }
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}
