package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/packages/param"
	api "github.com/openai/openai-go/v3/responses"
)

// responses is openai-go, Responses.
type responses struct {
	openaiErrors
	client openai.Client
	asked  asked
}

func newResponses(demo demo, asked asked) responses {
	return responses{client: newOpenAI(demo), asked: asked}
}

func said(text string) api.ResponseInputItemUnionParam {
	return api.ResponseInputItemParamOfMessage(text, api.EasyInputMessageRoleUser)
}

// sentBack are the items of an answer as they go into the next request.
func sentBack(response *api.Response) []api.ResponseInputItemUnionParam {
	var items []api.ResponseInputItemUnionParam
	for _, item := range response.Output {
		items = append(items, param.Override[api.ResponseInputItemUnionParam](json.RawMessage(item.RawJSON())))
	}
	return items
}

func asking(model string, input []api.ResponseInputItemUnionParam) api.ResponseNewParams {
	return api.ResponseNewParams{Model: model, Input: api.ResponseNewParamsInputUnion{OfInputItemList: input}}
}

func (it responses) converse(ctx context.Context, model string, texts []string) ([]string, error) {
	var input []api.ResponseInputItemUnionParam
	var answers []string
	for _, text := range texts {
		input = append(input, said(text))
		response, err := it.client.Responses.New(ctx, asking(model, input))
		if err != nil {
			return nil, err
		}
		input = append(input, sentBack(response)...)
		answers = append(answers, response.OutputText())
	}
	return answers, nil
}

// events hands out the pieces of text and gives the whole answer. The SDK hands failures on as events.
func (it responses) events(ctx context.Context, request api.ResponseNewParams, piece func(string)) (*api.Response, error) {
	stream := it.client.Responses.NewStreaming(ctx, request)
	var whole *api.Response
	for stream.Next() {
		switch event := stream.Current().AsAny().(type) {
		case api.ResponseTextDeltaEvent:
			piece(event.Delta)
		case api.ResponseCompletedEvent:
			whole = &event.Response
		case api.ResponseFailedEvent:
			return nil, fmt.Errorf("failed: %s", event.Response.Error.Message)
		case api.ResponseErrorEvent:
			return nil, fmt.Errorf("error: %s", event.Message)
		}
	}
	return whole, stream.Err()
}

func (it responses) stream(ctx context.Context, model, text string, piece func(string)) error {
	_, err := it.events(ctx, asking(model, []api.ResponseInputItemUnionParam{said(text)}), piece)
	return err
}

func (it responses) next(ctx context.Context, request api.ResponseNewParams, streams bool) (*api.Response, error) {
	if !streams {
		return it.client.Responses.New(ctx, request)
	}
	response, err := it.events(ctx, request, func(string) {})
	if err == nil && response == nil {
		err = errors.New("the stream has no end")
	}
	return response, err
}

func (it responses) loop(ctx context.Context, model, prompt, after string, streams bool) ([]called, []string, error) {
	var tools []api.ToolUnionParam
	for name, tool := range it.asked.Tools {
		function := api.FunctionToolParam{
			Name: name, Description: openai.String(tool.Description), Parameters: tool.Schema, Strict: openai.Bool(false),
		}
		tools = append(tools, api.ToolUnionParam{OfFunction: &function})
	}
	input := []api.ResponseInputItemUnionParam{said(prompt)}
	next := func() (*api.Response, error) {
		request := asking(model, input)
		request.Tools = tools
		return it.next(ctx, request, streams)
	}
	response, err := next()
	if err != nil {
		return nil, nil, err
	}
	input = append(input, sentBack(response)...)
	var got []called
	for _, item := range response.Output {
		if item.Type != "function_call" {
			continue
		}
		call := item.AsFunctionCall()
		var arguments any
		if err := json.Unmarshal([]byte(call.Arguments), &arguments); err != nil {
			return nil, nil, err
		}
		output := api.ResponseInputItemParamOfFunctionCallOutput(call.CallID, it.asked.Calls[len(got)].Result)
		input = append(input, output)
		got = append(got, called{call.CallID, call.Name, arguments})
	}
	first, err := next()
	if err != nil {
		return nil, nil, err
	}
	input = append(append(input, sentBack(first)...), said(after))
	second, err := next()
	if err != nil {
		return nil, nil, err
	}
	return got, []string{first.OutputText(), second.OutputText()}, nil
}
