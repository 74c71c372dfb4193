import type {
  BasicExpressionToken,
  LiteralToken,
  MappingToken,
  SequenceToken,
  TemplateToken,
} from '@actions/workflow-parser/templates/tokens/index';
import { TokenType } from '@actions/workflow-parser/templates/tokens/types';
import type { Template } from '@holdfast/core/pipeline/pipeline.ts';
import { type ParsedTree, refuseAt } from './github-syntax.ts';

/** A token of GitHub's parser as a core Template: plain JSON, kept with the run. */
export function templateOf(tree: ParsedTree, token: TemplateToken | undefined): Template {
  if (token === undefined) return null;
  switch (token.templateTokenType) {
    case TokenType.BasicExpression:
      return { expression: (token as BasicExpressionToken).expression };
    case TokenType.Sequence:
      return { items: [...(token as SequenceToken)].map((item) => templateOf(tree, item)) };
    case TokenType.Mapping:
      return {
        members: [...(token as MappingToken)].map(
          ({ key, value }) => [keyText(tree, key), templateOf(tree, value)] as const,
        ),
      };
    case TokenType.Null:
      return null;
    case TokenType.InsertExpression:
      return refuseAt(tree, token, '${{ insert }} is not supported by this version; list the members');
    default:
      return (token as LiteralToken & { readonly value: string | number | boolean }).value;
  }
}

function keyText(tree: ParsedTree, key: TemplateToken): string {
  if (key.templateTokenType === TokenType.String) return (key as LiteralToken).toString();
  return refuseAt(tree, key, 'an expression as a key is not supported by this version; write the key out');
}
