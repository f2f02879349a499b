import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSettings } from '@dimmer/server';
import type { IDeployment } from 'kubernetes-models/apps/v1';
import { Deployment } from 'kubernetes-models/apps/v1';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import type { IConfigMap, IService } from 'kubernetes-models/v1';
import { ConfigMap, Namespace, Secret, Service } from 'kubernetes-models/v1';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const textOf = (name: string): string => readFileSync(at(`deploy/kubernetes/${name}`), 'utf8');

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** What is applied, and the example of a secret beside it. */
const kustomization = parse(textOf('kustomization.yaml')) as {
  readonly resources: readonly string[];
  readonly images: readonly { readonly name: string }[];
};
const manifests = [...kustomization.resources, 'secret.example.yaml'].flatMap((name) =>
  parseAllDocuments(textOf(name)).map((document) => document.toJS() as Manifest),
);

/** The API of Kubernetes, for each kind that is used here. */
const KINDS = { Deployment, NetworkPolicy, PodDisruptionBudget, ConfigMap, Namespace, Secret, Service };
const MODULES: Readonly<Record<string, string>> = {
  'apps/v1': 'kubernetes-models/apps/v1',
  'networking.k8s.io/v1': 'kubernetes-models/networking.k8s.io/v1',
  'policy/v1': 'kubernetes-models/policy/v1',
  v1: 'kubernetes-models/v1',
};

const ofKind = <Kind>(kind: string): readonly Kind[] =>
  manifests.filter((manifest) => manifest.kind === kind) as unknown as Kind[];
const deployments = ofKind<IDeployment>('Deployment');
const settingsOf = (deployment: IDeployment): Readonly<Record<string, string>> => {
  const names = containerOf(deployment).envFrom?.map(({ configMapRef }) => configMapRef?.name) ?? [];
  return (
    ofKind<IConfigMap>('ConfigMap').find(({ metadata }) => names.includes(metadata?.name ?? ''))?.data ?? {}
  );
};

function podOf(deployment: IDeployment) {
  const pod = deployment.spec?.template.spec;
  if (pod === undefined) throw new TypeError('a deployment without a pod');
  return pod;
}

function containerOf(deployment: IDeployment) {
  const [container] = podOf(deployment).containers;
  if (container === undefined) throw new TypeError('a pod without a container');
  return container;
}

describe('the manifests for Kubernetes', () => {
  test.each(manifests.map((manifest) => [`${manifest.kind} ${manifest.metadata.name}`, manifest] as const))(
    '[P24] %s is what the API of Kubernetes takes',
    (_name, manifest) => {
      const Kind = KINDS[manifest.kind as keyof typeof KINDS];
      // Each class takes its own shape; which one this is, is what is tested.
      expect(() => new Kind(manifest as never).validate()).not.toThrow();
    },
  );

  test('[P24] a wrong type is found', () => {
    const wrong = structuredClone(deployments[0]) as { spec: { replicas: unknown } };
    wrong.spec.replicas = 'three';
    expect(() => new Deployment(wrong as never).validate()).toThrow('replicas');
  });

  test('[P24] they name no field that Kubernetes does not know', () => {
    const folder = mkdtempSync(join(tmpdir(), 'dimmer-kubernetes-'));
    symlinkSync(at('test/node_modules'), join(folder, 'node_modules'));
    const check = (texts: readonly string[]): string => {
      writeFileSync(join(folder, 'manifests.ts'), texts.join('\n'));
      const compiler = at('node_modules/typescript/bin/tsc');
      const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--types', ''];
      const { stdout } = spawnSync(process.execPath, [compiler, ...options, join(folder, 'manifests.ts')], {
        encoding: 'utf8',
        cwd: folder,
      });
      return stdout;
    };
    const typed = manifests.map(
      (manifest, index) =>
        `export const m${index}: import('${MODULES[manifest.apiVersion]}').I${manifest.kind} = ${JSON.stringify(manifest)};`,
    );
    const broken = typed.map((text) => text.replace('"readinessProbe"', '"readynessProbe"'));
    const [found, foundBroken] = [check(typed), check(broken)];
    rmSync(folder, { recursive: true });
    expect(found).toBe('');
    expect(foundBroken).toContain('readynessProbe');
  }, 240_000);

  test('[P25] the grace period is above what the hook before SIGTERM and a drain take', () => {
    expect(deployments).toHaveLength(2);
    for (const deployment of deployments) {
      const parsed = parseSettings(settingsOf(deployment));
      if (!parsed.ok) throw new TypeError('the settings of a deployment are refused');
      const { drainAcceptMs, drainSpreadMs } = parsed.settings;
      const { terminationGracePeriodSeconds = 0 } = podOf(deployment);
      const { seconds = 0 } = containerOf(deployment).lifecycle?.preStop?.sleep ?? {};
      expect(seconds).toBeGreaterThan(0);
      const drainMs = drainAcceptMs + drainSpreadMs + 5_000;
      expect(terminationGracePeriodSeconds * 1_000).toBeGreaterThan(seconds * 1_000 + drainMs);
      const { periodSeconds = 10, failureThreshold = 3 } = containerOf(deployment).readinessProbe ?? {};
      expect(drainAcceptMs).toBeGreaterThan(periodSeconds * failureThreshold * 1_000);
    }
  });

  test('[P25] probes ask for paths that exist, at the port of the server', () => {
    const sources = readFileSync(at('server/src/http/operations-routes.ts'), 'utf8');
    for (const deployment of deployments) {
      const { startupProbe, livenessProbe, readinessProbe, ports } = containerOf(deployment);
      const paths = [startupProbe, livenessProbe, readinessProbe].map((probe) => probe?.httpGet?.path);
      expect(paths).toEqual(['/livez', '/livez', '/readyz']);
      for (const path of paths) expect(sources).toContain(`'${path}'`);
      expect(ports).toEqual([{ name: 'http', containerPort: Number(settingsOf(deployment)['DIMMER_PORT']) }]);
    }
  });

  test('[P25] selectors match labels, services and budgets the pods', () => {
    for (const { metadata, spec } of deployments) {
      const labels = spec?.template.metadata?.labels ?? {};
      expect(labels).toMatchObject(spec?.selector.matchLabels ?? { none: 'none' });
      for (const { labelSelector } of spec?.template.spec?.topologySpreadConstraints ?? [])
        expect(labels).toMatchObject(labelSelector?.matchLabels ?? { none: 'none' });
      const service = ofKind<IService>('Service').find((other) => other.metadata?.name === metadata?.name);
      expect(service?.spec?.selector).toEqual(spec?.selector.matchLabels);
      expect(service?.spec?.ports).toEqual([{ name: 'http', port: 4400, targetPort: 'http' }]);
      const budget = ofKind<IPodDisruptionBudget>('PodDisruptionBudget').find(
        (other) => other.metadata?.name === metadata?.name,
      );
      expect(budget?.spec?.selector?.matchLabels).toEqual(spec?.selector.matchLabels);
      expect(spec?.replicas).toBeGreaterThan(Number(budget?.spec?.maxUnavailable));
    }
  });

  test('[P25] pods have no rights: not root, nothing to write to, no capabilities, no account', () => {
    for (const deployment of deployments) {
      const pod = podOf(deployment);
      expect(pod.securityContext).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(pod.automountServiceAccountToken).toBe(false);
      expect(containerOf(deployment).securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(containerOf(deployment).resources?.limits?.['memory']).toBeDefined();
      expect(kustomization.images.map(({ name }) => name)).toContain(containerOf(deployment).image);
    }
  });

  test('[P25] every setting is one that the server or the relay knows', () => {
    const pages = ['docs/settings.md', 'docs/relay.md'].map((page) => readFileSync(at(page), 'utf8')).join();
    const known = new Set([...pages.matchAll(/`(DIMMER_[A-Z_]+)`/g)].map(([, name]) => name));
    const used = ofKind<{ data?: object; stringData?: object }>('ConfigMap')
      .concat(ofKind('Secret'))
      .flatMap(({ data = {}, stringData = {} }) => [...Object.keys(data), ...Object.keys(stringData)]);
    expect(used.length).toBeGreaterThan(8);
    expect(used.filter((name) => !known.has(name))).toEqual([]);
  });

  const kubectl = spawnSync('kubectl', ['version', '--client']).error === undefined;
  test.skipIf(!kubectl)('[P24] kustomize puts them together, with the image that is named', () => {
    const { status, stdout, stderr } = spawnSync('kubectl', ['kustomize', at('deploy/kubernetes')], {
      encoding: 'utf8',
    });
    expect(`${status} ${stderr}`).toBe('0 ');
    const built = parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
    expect(built).toHaveLength(manifests.length - 2);
    expect(stdout.match(/image: .*/g)).toEqual(Array(2).fill('image: registry.example/dimmer:0.1.0'));
  });
});
