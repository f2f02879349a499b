import { spawnSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A file system of its own, over a folder. */
export interface SmallDisk {
  /** Takes all of its space but so many bytes. */
  fill(leftBytes: number): void;
  /** Gives back what {@link SmallDisk.fill} took. */
  makeSpace(): void;
  /** Takes it away, with all that is on it. */
  unmount(): void;
}

/** Mounts a small file system over a folder. @returns `undefined` where that is not permitted. */
export function mountSmallDisk(at: string, megabytes: number): SmallDisk | undefined {
  const options = `size=${megabytes}m,mode=0777`;
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', at]).status !== 0) return undefined;
  const ballast = join(at, 'ballast');
  return {
    fill(leftBytes) {
      const { bavail, bsize } = statfsSync(at);
      writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - leftBytes)));
    },
    makeSpace: () => rmSync(ballast, { force: true }),
    unmount: () => void spawnSync('umount', [at]),
  };
}
