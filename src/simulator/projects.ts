/** A project of the simulated Atlas. */
export interface SimulatedProject {
  readonly id: string;
  readonly name: string;
  readonly orgId: string;
  /** Number of seeded private link connections. */
  readonly connections: number;
  /** False if the sample credentials have no access. */
  readonly visible: boolean;
}

/** The projects at this moment, by id, and what belongs to them. */
export interface Projects {
  all(): readonly SimulatedProject[];
  find(id: string | undefined): SimulatedProject | undefined;
  /** The ids that a resource names: those of its path, else those of one of the visible projects. */
  idsAround(
    pathParameters: Readonly<Record<string, string>>,
    number: number,
  ): Readonly<Record<string, string | undefined>>;
}

/** `all` returns the same array until the projects change. */
export function createProjects(all: () => readonly SimulatedProject[]): Projects {
  let indexed: readonly SimulatedProject[] = [];
  const byId = new Map<string, SimulatedProject>();
  const visibleOf = new Map<string | undefined, readonly SimulatedProject[]>();

  function refresh(): void {
    if (indexed === all()) return;
    indexed = all();
    byId.clear();
    visibleOf.clear();
    for (const project of indexed) byId.set(project.id, project);
  }

  function visible(orgId: string | undefined): readonly SimulatedProject[] {
    const known = visibleOf.get(orgId);
    if (known !== undefined) return known;
    const found = indexed.filter((one) => one.visible && (orgId === undefined || one.orgId === orgId));
    if (found.length > 0) visibleOf.set(orgId, found);
    return found;
  }

  return {
    all,
    find(id) {
      refresh();
      return id === undefined ? undefined : byId.get(id);
    },
    idsAround({ groupId, orgId, clusterName }, number) {
      refresh();
      const candidates = visible(orgId);
      const project = groupId === undefined ? candidates[number % candidates.length] : byId.get(groupId);
      return { groupId: groupId ?? project?.id, orgId: orgId ?? project?.orgId, clusterName };
    },
  };
}
