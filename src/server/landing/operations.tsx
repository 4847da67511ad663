import type { Operation } from '../../atlas/catalog.ts';
import { curlOf, latestVersion } from './curl.ts';

interface OperationsProps {
  readonly operations: readonly Operation[];
  readonly publicUrl: string;
}

const KINDS: Readonly<Record<Operation['kind'], string>> = {
  list: 'list',
  element: 'element',
  array: 'array',
  'unpaged-list': 'unpaged list',
  document: 'document',
};
const SENSITIVITIES: Readonly<Record<Operation['sensitivity'], string>> = {
  open: 'open',
  secret: 'contains secrets',
  personal: 'contains personal data',
  billing: 'contains billing data',
};

/** The operations by tag, each with a command that reads it. */
export function Operations({ operations, publicUrl }: OperationsProps) {
  const byTag = new Map<string, Operation[]>();
  for (const operation of operations)
    byTag.set(operation.tag, [...(byTag.get(operation.tag) ?? []), operation]);
  const tags = [...byTag].sort(([one], [other]) => (one < other ? -1 : 1));
  return (
    <>
      {tags.map(([tag, of]) => (
        <section class="group">
          <h3>{tag}</h3>
          {of.map((operation) => (
            <OperationDetails operation={operation} publicUrl={publicUrl} />
          ))}
        </section>
      ))}
    </>
  );
}

function OperationDetails({
  operation,
  publicUrl,
}: {
  readonly operation: Operation;
  readonly publicUrl: string;
}) {
  const { id, alias, kind, path, tag, sensitivity, versions } = operation;
  const words = [id, alias, KINDS[kind], path, tag, SENSITIVITIES[sensitivity]].join(' ');
  return (
    <details class="operation" data-text={words.toLowerCase()}>
      <summary>
        <b>{id}</b>
        <span class="tag">{KINDS[kind]}</span>
        <span class="tag">{latestVersion(operation)}</span>
        <span class={sensitivity === 'open' ? 'tag' : 'tag sensitive'}>{SENSITIVITIES[sensitivity]}</span>
      </summary>
      <div class="detail">
        <p>
          <code>GET {path}</code>
        </p>
        <p class="faint">
          Versions {versions.map(({ name }) => name).join(', ')}
          {alias === undefined ? '' : `; also called ${alias}`}
        </p>
        <Choices operation={operation} />
        <div class="command">
          <code>{curlOf(operation, publicUrl)}</code>
          <button type="button" class="copy needs-script">
            Copy
          </button>
        </div>
      </div>
    </details>
  );
}

/** The values of parameters that the command requires and that accept only these. */
function Choices({ operation }: { readonly operation: Operation }) {
  const required = [
    ...operation.pathParameters,
    ...operation.queryParameters.filter((parameter) => parameter.required === true),
  ];
  return (
    <>
      {required.map(({ name, enum: values }) =>
        values === undefined ? null : (
          <p class="faint">
            <code>{name}</code> is {values.length === 1 ? '' : 'one of '}
            {values.join(', ')}
          </p>
        ),
      )}
    </>
  );
}
