// etcd's own clientv3/concurrency, driven by lines: `<call> TAB <command> TAB <handle> TAB <argument>...`, answered by
// `<call> TAB ok TAB <value>` or `<call> TAB error TAB <message>`. A handle is one session, one goroutine.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io/ioutil"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/clientv3"
	"go.etcd.io/etcd/clientv3/concurrency"
)

var (
	server  string
	ttl     int
	ctx     = context.Background()
	writing sync.Mutex
)

type call struct {
	id, command string
	args        []string
}

type handle struct {
	name     string
	calls    chan call
	session  *concurrency.Session
	mutex    *concurrency.Mutex
	election *concurrency.Election
}

func main() {
	server = os.Args[1]
	ttl, _ = strconv.Atoi(os.Args[2])
	handles := map[string]*handle{}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		words := strings.Split(in.Text(), "\t")
		h := handles[words[2]]
		if h == nil {
			h = &handle{name: words[2], calls: make(chan call, 100)}
			handles[words[2]] = h
			go h.serve()
		}
		h.calls <- call{words[0], words[1], words[3:]}
	}
}

func say(line string) {
	writing.Lock()
	defer writing.Unlock()
	fmt.Println(line)
}

func (h *handle) serve() {
	for c := range h.calls {
		value, err := h.run(c.command, c.args)
		if err != nil {
			say(c.id + "\terror\t" + strings.Join(strings.Fields(err.Error()), " "))
		} else {
			say(c.id + "\tok\t" + value)
		}
	}
}

func (h *handle) run(command string, args []string) (string, error) {
	if h.session == nil {
		if err := h.connect(); err != nil {
			return "", err
		}
	}
	switch command {
	case "connect":
		return fmt.Sprintf("%x", h.session.Lease()), nil
	case "acquire":
		h.mutex = concurrency.NewMutex(h.session, args[0])
		err := h.mutex.Lock(ctx)
		return h.mutex.Key(), err
	case "release":
		return "", h.mutex.Unlock(ctx)
	case "turns":
		count, _ := strconv.Atoi(args[1])
		return "", h.turns(args[0], count, args[2])
	case "campaign":
		h.election = concurrency.NewElection(h.session, args[0])
		err := h.election.Campaign(ctx, args[1])
		return h.election.Key(), err
	case "proclaim":
		return "", h.election.Proclaim(ctx, args[0])
	case "resign":
		return "", h.election.Resign(ctx)
	case "leader":
		found, err := concurrency.NewElection(h.session, args[0]).Leader(ctx)
		if err == concurrency.ErrElectionNoLeader {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		return string(found.Kvs[0].Value), nil
	case "observe":
		go func() {
			for seen := range concurrency.NewElection(h.session, args[0]).Observe(ctx) {
				say("event\t" + h.name + "\t" + string(seen.Kvs[0].Value))
			}
		}()
		return "", nil
	}
	return "", fmt.Errorf("no such command: %s", command)
}

func (h *handle) connect() error {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{server}, DialTimeout: 20 * time.Second})
	if err != nil {
		return err
	}
	h.session, err = concurrency.NewSession(client, concurrency.WithTTL(ttl))
	return err
}

// A critical section that goes wrong when another one runs beside it, and tells in its journal.
func (h *handle) turns(path string, count int, folder string) error {
	mutex := concurrency.NewMutex(h.session, path)
	for turn := 0; turn < count; turn++ {
		if err := mutex.Lock(ctx); err != nil {
			return err
		}
		if err := h.turn(folder); err != nil {
			return err
		}
		if err := mutex.Unlock(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (h *handle) turn(folder string) error {
	counter := filepath.Join(folder, "counter")
	text, err := ioutil.ReadFile(counter)
	if err != nil {
		return err
	}
	value, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	if err := appendLine(folder, fmt.Sprintf("+ %s %d", h.name, value)); err != nil {
		return err
	}
	time.Sleep(time.Millisecond)
	if err := ioutil.WriteFile(counter, []byte(strconv.Itoa(value+1)), 0o600); err != nil {
		return err
	}
	return appendLine(folder, fmt.Sprintf("- %s %d", h.name, value))
}

func appendLine(folder, line string) error {
	file, err := os.OpenFile(filepath.Join(folder, "journal"), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteString(line + "\n")
	return err
}
