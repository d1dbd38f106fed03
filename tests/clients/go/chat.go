package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"
)

// chat is openai-go, Chat Completions.
type chat struct {
	openaiErrors
	client openai.Client
	asked  asked
}

// openaiErrors are the errors of both of its APIs.
type openaiErrors struct{}

func newOpenAI(demo demo) openai.Client {
	return openai.NewClient(option.WithBaseURL(demo.URL+"/v1"), option.WithAPIKey(demo.APIKey), option.WithMaxRetries(0))
}

func newChat(demo demo, asked asked) chat {
	return chat{client: newOpenAI(demo), asked: asked}
}

func (openaiErrors) refused(err error) (int, string) {
	if failure := (*openai.Error)(nil); errors.As(err, &failure) {
		return failure.StatusCode, failure.Message
	}
	return 0, ""
}

// The SDK has no class for it.
func (openaiErrors) broken(err error) bool {
	return err != nil
}

func (it chat) request(model string, messages []openai.ChatCompletionMessageParamUnion) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: model, Messages: messages}
}

func (it chat) converse(ctx context.Context, model string, texts []string) ([]string, error) {
	messages := []openai.ChatCompletionMessageParamUnion{openai.SystemMessage(it.asked.System)}
	var answers []string
	for _, text := range texts {
		messages = append(messages, openai.UserMessage(text))
		completion, err := it.client.Chat.Completions.New(ctx, it.request(model, messages))
		if err != nil {
			return nil, err
		}
		messages = append(messages, completion.Choices[0].Message.ToParam())
		answers = append(answers, completion.Choices[0].Message.Content)
	}
	return answers, nil
}

func (it chat) stream(ctx context.Context, model, text string, piece func(string)) error {
	messages := []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)}
	stream := it.client.Chat.Completions.NewStreaming(ctx, it.request(model, messages))
	for stream.Next() {
		for _, choice := range stream.Current().Choices {
			if choice.Delta.Content != "" {
				piece(choice.Delta.Content)
			}
		}
	}
	return stream.Err()
}

func (it chat) next(ctx context.Context, request openai.ChatCompletionNewParams, streams bool) (openai.ChatCompletionMessage, error) {
	if !streams {
		completion, err := it.client.Chat.Completions.New(ctx, request)
		if err != nil {
			return openai.ChatCompletionMessage{}, err
		}
		return completion.Choices[0].Message, nil
	}
	var whole openai.ChatCompletionAccumulator
	stream := it.client.Chat.Completions.NewStreaming(ctx, request)
	for stream.Next() {
		if !whole.AddChunk(stream.Current()) {
			return openai.ChatCompletionMessage{}, errors.New("a chunk does not fit the others")
		}
	}
	if err := stream.Err(); err != nil {
		return openai.ChatCompletionMessage{}, err
	}
	return whole.Choices[0].Message, nil
}

func (it chat) loop(ctx context.Context, model, prompt, after string, streams bool) ([]called, []string, error) {
	request := it.request(model, []openai.ChatCompletionMessageParamUnion{openai.UserMessage(prompt)})
	for name, tool := range it.asked.Tools {
		request.Tools = append(request.Tools, openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
			Name: name, Description: openai.String(tool.Description), Parameters: tool.Schema,
		}))
	}
	message, err := it.next(ctx, request, streams)
	if err != nil {
		return nil, nil, err
	}
	request.Messages = append(request.Messages, message.ToParam())
	var got []called
	for place, call := range message.ToolCalls {
		var arguments any
		if err := json.Unmarshal([]byte(call.Function.Arguments), &arguments); err != nil {
			return nil, nil, err
		}
		got = append(got, called{call.ID, call.Function.Name, arguments})
		request.Messages = append(request.Messages, openai.ToolMessage(it.asked.Calls[place].Result, call.ID))
	}
	first, err := it.next(ctx, request, streams)
	if err != nil {
		return nil, nil, err
	}
	request.Messages = append(request.Messages, first.ToParam(), openai.UserMessage(after))
	second, err := it.next(ctx, request, streams)
	return got, []string{first.Content, second.Content}, err
}
