import type { Registry } from 'prom-client';
import { Gauge } from 'prom-client';
import type { HeldKills } from './held-kills.ts';

/** Registers how many kills are held: anything but 0 is an outage that somebody works on. */
export function registerHeldMetrics(registry: Registry, held: Pick<HeldKills, 'count'>): void {
  new Gauge({
    name: 'dimmer_break_glass_kills',
    help: 'Kills that this server holds, and the database does not have.',
    registers: [registry],
    collect() {
      this.set(held.count);
    },
  });
}
