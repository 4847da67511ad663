import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMemoryTier, type EvictionReason } from '../../src/cache/memory-tier.ts';

const window = { loadedAt: 0, freshUntil: 0, revalidateUntil: 0, staleIfErrorUntil: 0 };
const entry = (value: string, bytes = 1) => ({ value, window, bytes, epoch: 0 });

function createTier(maxBytes: number, projectShare: number) {
  const evicted: EvictionReason[] = [];
  const tier = createMemoryTier<string>({ maxBytes, projectShare }, (reason) => void evicted.push(reason));
  const keys = (project: string) => [...tier.entries(project)].map(([key]) => key);
  return { tier, evicted, keys };
}

test('entries over a project’s share are evicted from that project in LRU order', () => {
  const { tier, evicted, keys } = createTier(8, 0.5);
  tier.set('quiet', '1', entry('first'));
  for (const key of ['1', '2', '3', '4']) tier.set('busy', key, entry(key));
  tier.get('busy', '1');
  tier.set('busy', '5', entry('5', 2));
  expect(keys('busy')).toEqual(['4', '1', '5']);
  expect(keys('quiet')).toEqual(['1']);
  expect(evicted).toEqual(['project-share', 'project-share']);
});

test('entries over the total limit are evicted from the least recently used project', () => {
  const { tier, evicted, keys } = createTier(4, 1);
  for (const project of ['a', 'b']) for (const key of ['1', '2']) tier.set(project, key, entry(key));
  tier.get('a', '1');
  tier.set('c', '1', entry('1', 2));
  expect([keys('a'), keys('b'), keys('c')]).toEqual([['2', '1'], [], ['1']]);
  expect([...tier.projects()]).toEqual(['a', 'c']);
  expect(evicted).toEqual(['capacity', 'capacity']);
});

test('a failed lookup and an iteration do not change the LRU order', () => {
  const { tier, keys } = createTier(2, 1);
  tier.set('a', '1', entry('1'));
  tier.set('b', '1', entry('1'));
  expect(tier.get('a', '2')).toBeUndefined();
  expect([...tier.sizes()]).toHaveLength(2);
  expect(keys('a')).toEqual(['1']);
  tier.set('c', '1', entry('1'));
  expect([...tier.projects()]).toEqual(['b', 'c']);
});

/** A reference implementation with plain arrays, most recently used item last. */
function createModel(maxBytes: number, projectShare: number) {
  let nodes: { project: string; key: string; value: string; bytes: number }[] = [];
  let projects: string[] = [];
  const share = Math.floor(maxBytes * projectShare);
  const isAt = (project: string, key: string) => (node: { project: string; key: string }) =>
    node.project === project && node.key === key;
  const bytesOf = (of: readonly { bytes: number }[]) =>
    of.reduce((sum, { bytes }) => sum + Math.max(1, bytes), 0);
  const heldBy = (project: string | undefined) => nodes.filter((node) => node.project === project);
  const use = (project: string) => {
    projects = [...projects.filter((one) => one !== project), project];
  };
  const leave = (gone: readonly unknown[]) => {
    nodes = nodes.filter((node) => !gone.includes(node));
    projects = projects.filter((project) => heldBy(project).length > 0);
  };
  return {
    get(project: string, key: string) {
      const found = nodes.find(isAt(project, key));
      if (found === undefined) return undefined;
      nodes = [...nodes.filter((node) => node !== found), found];
      use(project);
      return found.value;
    },
    set(project: string, key: string, value: string, bytes: number) {
      if (bytes > share) return;
      leave(nodes.filter(isAt(project, key)));
      nodes.push({ project, key, value, bytes });
      use(project);
      while (bytesOf(heldBy(project)) > share) leave(heldBy(project).slice(0, 1));
      while (bytesOf(nodes) > maxBytes) leave(heldBy(projects[0]).slice(0, 1));
    },
    delete: (project: string, key: string) => leave(nodes.filter(isAt(project, key))),
    dropProject: (project: string) => leave(heldBy(project)),
    all: () => projects.map((project) => [project, heldBy(project).map(({ key, value }) => [key, value])]),
  };
}

test('any sequence of operations leaves the same entries in the same order as the reference implementation', () => {
  const step = fc.record({
    project: fc.constantFrom('a', 'b', 'c'),
    key: fc.constantFrom('1', '2', '3', '4'),
    bytes: fc.integer({ min: 0, max: 60 }),
    action: fc.constantFrom('set', 'set', 'set', 'get', 'get', 'delete', 'drop'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { tier } = createTier(100, 0.6);
      const model = createModel(100, 0.6);
      for (const [index, { project, key, bytes, action }] of steps.entries()) {
        const value = String(index);
        if (action === 'set') {
          tier.set(project, key, entry(value, bytes));
          model.set(project, key, value, bytes);
        } else if (action === 'get') expect(tier.get(project, key)?.value).toBe(model.get(project, key));
        else if (action === 'delete') {
          tier.delete(project, key);
          model.delete(project, key);
        } else {
          tier.dropProject(project);
          model.dropProject(project);
        }
        const all = [...tier.projects()].map((one) => [
          one,
          [...tier.entries(one)].map(([name, { value: kept }]) => [name, kept]),
        ]);
        expect(all).toEqual(model.all());
      }
    }),
    { numRuns: 300 },
  );
});
