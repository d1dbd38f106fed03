package main

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/genai"
)

// gemini is google.golang.org/genai.
type gemini struct {
	client *genai.Client
	asked  asked
}

func newGemini(demo demo, asked asked) gemini {
	client, err := genai.NewClient(context.Background(), &genai.ClientConfig{
		APIKey: demo.APIKey, Backend: genai.BackendGeminiAPI, HTTPOptions: genai.HTTPOptions{BaseURL: demo.URL},
	})
	if err != nil {
		panic(err)
	}
	return gemini{client, asked}
}

func (gemini) refused(err error) (int, string) {
	if failure := (genai.APIError{}); errors.As(err, &failure) {
		return failure.Code, failure.Message
	}
	return 0, ""
}

// The upstream's events end with CR LF, the gateway's error with LF. If both arrive at once the SDK takes them for one and
// tells of that; whether they do is a matter of time, so expected.py has no place for it.
func (it gemini) broken(err error) bool {
	status, _ := it.refused(err)
	return status != 0 || err != nil && strings.Contains(err.Error(), `{"error":{"code":`)
}

func (it gemini) converse(ctx context.Context, model string, texts []string) ([]string, error) {
	system := genai.NewContentFromText(it.asked.System, genai.RoleUser)
	chat, err := it.client.Chats.Create(ctx, model, &genai.GenerateContentConfig{SystemInstruction: system}, nil)
	if err != nil {
		return nil, err
	}
	var answers []string
	for _, text := range texts {
		answer, err := chat.SendMessage(ctx, genai.Part{Text: text})
		if err != nil {
			return nil, err
		}
		answers = append(answers, answer.Text())
	}
	return answers, nil
}

func (it gemini) stream(ctx context.Context, model, text string, piece func(string)) error {
	for chunk, err := range it.client.Models.GenerateContentStream(ctx, model, genai.Text(text), nil) {
		if err != nil {
			return err
		}
		if text := chunk.Text(); text != "" {
			piece(text)
		}
	}
	return nil
}

func say(ctx context.Context, chat *genai.Chat, streams bool, parts ...genai.Part) (calls []*genai.FunctionCall, text string, err error) {
	if !streams {
		answer, err := chat.SendMessage(ctx, parts...)
		if err != nil {
			return nil, "", err
		}
		return answer.FunctionCalls(), answer.Text(), nil
	}
	for chunk, err := range chat.SendMessageStream(ctx, parts...) {
		if err != nil {
			return nil, "", err
		}
		calls = append(calls, chunk.FunctionCalls()...)
		text += chunk.Text()
	}
	return calls, text, nil
}

func (it gemini) loop(ctx context.Context, model, prompt, after string, streams bool) ([]called, []string, error) {
	var functions []*genai.FunctionDeclaration
	for name, tool := range it.asked.Tools {
		functions = append(functions, &genai.FunctionDeclaration{
			Name: name, Description: tool.Description, ParametersJsonSchema: tool.Schema,
		})
	}
	config := &genai.GenerateContentConfig{Tools: []*genai.Tool{{FunctionDeclarations: functions}}}
	chat, err := it.client.Chats.Create(ctx, model, config, nil)
	if err != nil {
		return nil, nil, err
	}
	calls, _, err := say(ctx, chat, streams, genai.Part{Text: prompt})
	if err != nil {
		return nil, nil, err
	}
	var got []called
	var results []genai.Part
	for place, call := range calls {
		got = append(got, called{call.ID, call.Name, call.Args})
		results = append(results, genai.Part{FunctionResponse: &genai.FunctionResponse{
			ID: call.ID, Name: call.Name, Response: map[string]any{"output": it.asked.Calls[place].Result},
		}})
	}
	_, first, err := say(ctx, chat, streams, results...)
	if err != nil {
		return nil, nil, err
	}
	_, second, err := say(ctx, chat, streams, genai.Part{Text: after})
	return got, []string{first, second}, err
}
