import type { Finding } from '../finding.ts';
import { RULES } from '../rules.ts';

/** SARIF 2.1.0 (OASIS), which code hosts show beside the line. */
export function sarifReport(findings: readonly Finding[]): object {
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'holdfast migrate lint',
            rules: RULES.map(({ name, title, why, severity }) => ({
              id: name,
              shortDescription: { text: title },
              fullDescription: { text: why },
              defaultConfiguration: { level: severity },
            })),
          },
        },
        results: findings.map(resultOf),
      },
    ],
  };
}

function resultOf({ rule, severity, message, place, accepted }: Finding): object {
  return {
    ruleId: rule,
    level: severity,
    message: { text: message },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: place.file },
          region: { startLine: place.line, startColumn: place.column },
        },
      },
    ],
    ...(accepted === null ? {} : { suppressions: [{ kind: 'inSource', justification: accepted }] }),
  };
}
