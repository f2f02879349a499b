import { connectionsWithin } from '../platform/open-files.ts';
import type { Facts } from './facts.ts';
import type { Finding } from './finding.ts';
import { findingsOf } from './finding.ts';
import { bytesText } from './quantity-text.ts';

const { ok, note, warning } = findingsOf('machine');

/** Connections that wait to be taken; the server asks for as many. */
const BACKLOG = 4_096;
/** With more, the kernel takes a quarter of an hour to notice a peer that vanished. */
const TCP_RETRIES_MAX = 8;
/** 10,000 streams and 5,000 flags fit. */
const MEMORY_BYTES_MIN = 512 * 1024 * 1024;
const HEAP_BYTES_MIN = 256 * 1024 * 1024;
const STREAMS_DEFAULT = 15_000;
const NODE_MIN = [20, 19] as const;

/** Whether the machine gives the process what its settings need. */
export function checkMachine(facts: Facts): readonly Finding[] {
  const { machine } = facts;
  return [
    ...checkFiles(facts),
    ...checkKernel(facts),
    machine.memoryBytes >= MEMORY_BYTES_MIN
      ? ok(`${bytesText(machine.memoryBytes)} of memory are there.`)
      : warning(
          `Only ${bytesText(machine.memoryBytes)} of memory are there.`,
          'Give 512 MiB for 10,000 streams and 5,000 flags, or lower DIMMER_STREAMS_MAX.',
        ),
    ...(machine.heapBytesMax >= HEAP_BYTES_MIN
      ? []
      : [
          warning(
            `The heap of Node ends at ${bytesText(machine.heapBytesMax)}.`,
            'Set NODE_OPTIONS=--max-old-space-size to three quarters of the memory, in MiB.',
          ),
        ]),
    nodeFinding(facts.versions.node),
  ];
}

function checkFiles({ machine: { openFilesMax }, settings }: Facts): Finding[] {
  if (openFilesMax === undefined) return [];
  const wanted = settings.ok ? settings.settings.streamsMax : STREAMS_DEFAULT;
  const { streamsMax } = connectionsWithin(openFilesMax);
  if (streamsMax >= wanted) return [ok(`${openFilesMax} open files are enough for ${wanted} streams.`)];
  return [
    warning(
      `${openFilesMax} open files are enough for ${streamsMax} streams, not for ${wanted}.`,
      'Raise ulimit -n to 65536 (LimitNOFILE in systemd, ulimits in Compose), or lower DIMMER_STREAMS_MAX.',
    ),
  ];
}

function checkKernel({ machine: { backlogMax, tcpRetries } }: Facts): Finding[] {
  const findings: Finding[] = [];
  if (backlogMax !== undefined && backlogMax < BACKLOG) {
    findings.push(
      note(
        `net.core.somaxconn is ${backlogMax}: of thousands of SDKs that come back at once, some try twice.`,
        `sysctl -w net.core.somaxconn=${BACKLOG}`,
      ),
    );
  }
  if (tcpRetries !== undefined && tcpRetries > TCP_RETRIES_MAX) {
    findings.push(
      note(
        `net.ipv4.tcp_retries2 is ${tcpRetries}: a peer that vanished is noticed after up to 15 minutes.`,
        `sysctl -w net.ipv4.tcp_retries2=${TCP_RETRIES_MAX} makes it two minutes; until then each costs about 10 KB.`,
      ),
    );
  }
  return findings;
}

function nodeFinding(version: string): Finding {
  const versions = findingsOf('versions');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isEnough = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
  return isEnough
    ? versions.ok(`Node ${version} is supported.`)
    : versions.problem(`Node ${version} is too old.`, `Install Node ${NODE_MIN.join('.')} or later.`);
}
