/** Who wants to hear of something. A listener that throws is reported and disturbs nobody. */
export class Listeners<News> {
  readonly #failed: (error: unknown) => void;
  readonly #listeners = new Set<{ readonly hear: (news: News) => void }>();

  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  /** Returns what removes the listener; the same function may be added twice. */
  add(hear: (news: News) => void): () => void {
    const entry = { hear };
    this.#listeners.add(entry);
    return () => {
      this.#listeners.delete(entry);
    };
  }

  tell(news: News): void {
    for (const { hear } of [...this.#listeners]) {
      try {
        hear(news);
      } catch (error) {
        this.#failed(error);
      }
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}
