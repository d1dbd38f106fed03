// Runs the vendors' Go SDKs as ../programs.py asks for it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// patience is for a scenario.
const patience = time.Minute

type demo struct {
	URL    string `json:"url"`
	APIKey string `json:"api_key"`
}

type cell struct {
	Client, Upstream, Model, Scenario string
}

type given struct {
	Demo   demo       `json:"demo"`
	ExpectedAnswer  asked      `json:"asked"`
	Cells  []cell     `json:"cells"`
	Phases [][]string `json:"phases"`
}

type answered struct {
	Cell    [3]string `json:"cell"`
	Trouble *string   `json:"trouble"`
}

// client is one of the SDKs.
type client interface {
	// converse gives the answers to texts said one after the other.
	converse(ctx context.Context, model string, texts []string) ([]string, error)
	// stream hands out the pieces of a streamed answer.
	stream(ctx context.Context, model, text string, piece func(string)) error
	// loop gives what the calls are that the prompt brings forth, and what is said to their results and to a text after
	// that.
	loop(ctx context.Context, model, prompt, after string, streams bool) (got []called, answers []string, err error)
	// refused gives the status and the message that the SDK's own error has.
	refused(err error) (status int, message string)
	// broken tells whether it is the SDK's own error for a stream that fails.
	broken(err error) bool
}

// called is a call of a tool; id is "" where the dialect needs none.
type called struct {
	id, name  string
	arguments any
}

func main() {
	var given given
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	clients := map[string]client{
		"go-chat":      newChat(given.Demo, given.ExpectedAnswer),
		"go-responses": newResponses(given.Demo, given.ExpectedAnswer),
		"go-messages":  newMessages(given.Demo, given.ExpectedAnswer),
		"go-gemini":    newGemini(given.Demo, given.ExpectedAnswer),
	}
	out := json.NewEncoder(os.Stdout)
	var printing sync.Mutex
	for _, phase := range given.Phases {
		var all sync.WaitGroup
		for _, cell := range given.Cells {
			if !slices.Contains(phase, cell.Scenario) {
				continue
			}
			all.Go(func() {
				answer := answered{Cell: [3]string{cell.Client, cell.Upstream, cell.Scenario}}
				if err := run(clients[cell.Client], given.ExpectedAnswer, cell); err != nil {
					trouble := err.Error()
					answer.Trouble = &trouble
				}
				printing.Lock()
				defer printing.Unlock()
				_ = out.Encode(answer)
			})
		}
		all.Wait()
	}
}

func run(client client, asked asked, cell cell) (err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("%v", panicked)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return scenarios[cell.Scenario](ctx, client, asked, cell.Model)
}
