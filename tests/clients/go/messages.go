package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
)

// messages is anthropic-sdk-go.
type messages struct {
	client anthropic.Client
	asked  asked
}

func newMessages(demo demo, asked asked) messages {
	return messages{
		anthropic.NewClient(option.WithBaseURL(demo.URL), option.WithAPIKey(demo.APIKey), option.WithMaxRetries(0)),
		asked,
	}
}

func (messages) refused(err error) (int, string) {
	if failure := (*anthropic.Error)(nil); errors.As(err, &failure) {
		return failure.StatusCode, failure.RawJSON()
	}
	return 0, ""
}

// The SDK has no class for it.
func (messages) broken(err error) bool {
	return err != nil
}

func (it messages) request(model string) anthropic.MessageNewParams {
	return anthropic.MessageNewParams{
		Model: model, MaxTokens: 4096, System: []anthropic.TextBlockParam{{Text: it.asked.System}},
	}
}

func userText(text string) anthropic.MessageParam {
	return anthropic.NewUserMessage(anthropic.NewTextBlock(text))
}

func textOf(message *anthropic.Message) string {
	all := ""
	for _, block := range message.Content {
		all += block.Text
	}
	return all
}

func (it messages) converse(ctx context.Context, model string, texts []string) ([]string, error) {
	request := it.request(model)
	var answers []string
	for _, text := range texts {
		request.Messages = append(request.Messages, userText(text))
		message, err := it.client.Messages.New(ctx, request)
		if err != nil {
			return nil, err
		}
		request.Messages = append(request.Messages, message.ToParam())
		answers = append(answers, textOf(message))
	}
	return answers, nil
}

// events hands out the pieces of text and gives the SDK's own sum of the events.
func (it messages) events(ctx context.Context, request anthropic.MessageNewParams, piece func(string)) (*anthropic.Message, error) {
	stream := it.client.Messages.NewStreaming(ctx, request)
	var whole anthropic.Message
	for stream.Next() {
		event := stream.Current()
		if err := whole.Accumulate(event); err != nil {
			return nil, err
		}
		if delta, ok := event.AsAny().(anthropic.ContentBlockDeltaEvent); ok && delta.Delta.Text != "" {
			piece(delta.Delta.Text)
		}
	}
	return &whole, stream.Err()
}

func (it messages) stream(ctx context.Context, model, text string, piece func(string)) error {
	request := it.request(model)
	request.Messages = []anthropic.MessageParam{userText(text)}
	_, err := it.events(ctx, request, piece)
	return err
}

func (it messages) next(ctx context.Context, request anthropic.MessageNewParams, streams bool) (*anthropic.Message, error) {
	if streams {
		return it.events(ctx, request, func(string) {})
	}
	return it.client.Messages.New(ctx, request)
}

func (it messages) loop(ctx context.Context, model, prompt, after string, streams bool) ([]called, []string, error) {
	request := it.request(model)
	for name, tool := range it.asked.Tools {
		request.Tools = append(request.Tools, anthropic.ToolUnionParam{OfTool: &anthropic.ToolParam{
			Name: name, Description: anthropic.String(tool.Description),
			InputSchema: anthropic.ToolInputSchemaParam{
				Properties: tool.Schema["properties"], ExtraFields: map[string]any{"required": tool.Schema["required"]},
			},
		}})
	}
	request.Messages = []anthropic.MessageParam{userText(prompt)}
	message, err := it.next(ctx, request, streams)
	if err != nil {
		return nil, nil, err
	}
	var got []called
	var results []anthropic.ContentBlockParamUnion
	for _, block := range message.Content {
		if call, ok := block.AsAny().(anthropic.ToolUseBlock); ok {
			var arguments any
			if err := json.Unmarshal(call.Input, &arguments); err != nil {
				return nil, nil, err
			}
			results = append(results, anthropic.NewToolResultBlock(call.ID, it.asked.Calls[len(got)].Result, false))
			got = append(got, called{call.ID, call.Name, arguments})
		}
	}
	request.Messages = append(request.Messages, message.ToParam(), anthropic.NewUserMessage(results...))
	first, err := it.next(ctx, request, streams)
	if err != nil {
		return nil, nil, err
	}
	request.Messages = append(request.Messages, first.ToParam(), userText(after))
	second, err := it.next(ctx, request, streams)
	if err != nil {
		return nil, nil, err
	}
	return got, []string{textOf(first), textOf(second)}, nil
}
